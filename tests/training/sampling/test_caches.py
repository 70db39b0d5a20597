"""Memory of keys and values: rows that come and go, and prefixes kept within a budget."""

import random
from itertools import zip_longest

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.sampling.kv_cache import SPARE_COLUMNS, KVCache
from training.sampling.prefix_cache import PrefixCache
from training.sampling.row_cache import States, filling
from training.sampling.shared_cache import MOST_SIBLINGS, SharedCache

LAYERS, HEADS, SIZE = 2, 3, 4
LONGEST = 200
TOKEN_BYTES = 2 * LAYERS * HEADS * SIZE * 4


def state(token: int, layer: int) -> torch.Tensor:
    """Keys of one token, [heads, 1, size]; its values are the negative."""
    return torch.arange(HEADS * SIZE).view(HEADS, 1, SIZE) + 100.0 * token + 10_000.0 * layer


def filled(sequences: list[list[int]]) -> KVCache:
    """A cache with a row for each sequence."""
    width = max(map(len, sequences))
    cache = KVCache(len(sequences), LAYERS, width, width, torch.device("cpu"), torch.float32)
    cache.open_rows([len(sequence) for sequence in sequences])
    for layer in range(LAYERS):
        keys = torch.stack(
            [torch.cat([state(token, layer) for token in [0] * (width - len(row)) + row], 1) for row in sequences]
        )
        cache.window(width).update(layer, keys, -keys)
    return cache


def rows_of(cache: KVCache, rows: int) -> list[list[int]]:
    """The tokens whose states each row holds, after checking every number of every layer."""
    window = cache.window()
    assert window.rows == rows
    contents = []
    for row in range(rows):
        columns = window.attention_mask()[row].nonzero()[:, 0] + window.first
        assert columns.tolist() == list(range(window.end - len(columns), window.end))
        tokens = [int(cache.states(0)[0][row, 0, column, 0]) // 100 for column in columns.tolist()]
        for layer in range(LAYERS):
            expected = torch.cat([state(token, layer) for token in tokens], 1)
            keys, values = cache.states(layer)
            assert torch.equal(keys[row][:, columns], expected)
            assert torch.equal(values[row][:, columns], -expected)
        contents.append(tokens)
    return contents


@pytest.mark.parametrize("seed", range(4))
def test_rows_keep_their_states_while_others_come_and_go(seed: int) -> None:
    rng = random.Random(seed)
    cache = KVCache(6, LAYERS, 8, LONGEST, torch.device("cpu"), torch.float32)
    live: list[list[int]] = []
    layouts = {cache.columns}
    for _ in range(250):
        action = rng.random()
        if action < 0.06 and len(live) < 6:
            prompt = [rng.randrange(50) for _ in range(rng.choice([1, 5, 90]))]
            cache.enter(filled([[1, 2], prompt]), [1])
            live.append(prompt)
        elif live and (action < 0.12 or max(map(len, live)) == LONGEST):
            leaving = max(range(len(live)), key=lambda row: len(live[row]))
            cache.leave([leaving])
            live[leaving] = live[-1]
            live.pop()
        elif live:
            tokens = [rng.randrange(50) for _ in live]
            cache.open_column()
            for layer in range(LAYERS):
                keys = torch.stack([state(token, layer) for token in tokens])
                cache.window().update(layer, keys, -keys)
            live = [[*row, token] for row, token in zip(live, tokens, strict=True)]
        layouts.add(cache.columns)
        if live:
            assert rows_of(cache, len(live)) == live
    assert len(layouts) > 1


def test_buffers_grow_to_what_the_longest_row_needs_and_no_further() -> None:
    cache = KVCache(1, LAYERS, 8, LONGEST, torch.device("cpu"), torch.float32)
    cache.enter(filled([[1] * 150]), [0])
    for _ in range(LONGEST - 150):
        cache.open_column()
    assert cache.width == LONGEST
    assert cache.columns == LONGEST + SPARE_COLUMNS


@pytest.mark.parametrize("seed", range(4))
def test_siblings_share_their_prompt_while_others_come_and_go(seed: int) -> None:
    rng = random.Random(seed)
    cpu = torch.device("cpu")
    rows, longest = 24, 40
    cache = SharedCache(
        KVCache(rows, LAYERS, longest, longest, cpu, torch.float32),
        KVCache(rows, LAYERS, 8, longest, cpu, torch.float32),
    )
    live: list[tuple[list[int], list[int]]] = []
    for _ in range(150):
        action = rng.random()
        if action < 0.15:
            prompts = [[rng.randrange(50) for _ in range(rng.choice([1, 5, longest]))] for _ in range(2)]
            entering = [0] * rng.randrange(MOST_SIBLINGS + 3) + [1] * rng.randrange(4)
            entering = entering[: rows - len(live)]
            if entering:
                cache.enter(filled(prompts), entering)
                live += [(prompts[row], []) for row in entering]
        elif live and (action < 0.3 or any(len(own) == longest for _, own in live)):
            leaving = [place for place, (_, own) in enumerate(live) if len(own) == longest or rng.random() < 0.3]
            cache.leave(leaving)
            for source, target in zip(*filling(leaving, len(live)), strict=True):
                live[target] = live[source]
            del live[len(live) - len(leaving) :]
        elif live:
            tokens = [rng.randrange(50) for _ in live]
            cache.open_column()
            for layer in range(LAYERS):
                keys = torch.stack([state(token, layer) for token in tokens])
                cache.window().own.update(layer, keys, -keys)
            live = [(prompt, [*own, token]) for (prompt, own), token in zip(live, tokens, strict=True)]
        for row, (prompt, own) in enumerate(live):
            whole = [*prompt, *own]
            start = rng.randrange(len(whole))
            if own or start < len(prompt):
                assert_states(cache.copy_states(row, start, len(whole) - start), whole[start:])


def test_a_window_of_several_new_columns_is_causal() -> None:
    bias = filled([[1, 2, 3, 4], [5, 6]]).window(new=3).bias()
    assert (bias[:, 0] == 0).int().tolist() == [
        [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]],
        [[0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]],
    ]


def assert_states(states: States, tokens: list[int]) -> None:
    """That these are the states of the tokens, in every layer; a buffer here holds one layer's keys or values."""
    for layer in range(LAYERS):
        expected = torch.cat([state(token, layer) for token in tokens], 1)
        assert torch.equal(states[2 * layer][0], expected)
        assert torch.equal(states[2 * layer + 1][0], -expected)


def found(prefixes: PrefixCache, sequence: list[int], states: list[int] | None = None) -> int:
    """Tokens of `sequence` found, after checking the states of each: those of `sequence`, or of `states`."""
    start = 0
    for part in prefixes.find(sequence):
        tokens = (states or sequence)[start : start + part.count]
        assert_states(part.states, tokens)
        start += part.count
    return start


def keep(prefixes: PrefixCache, sequence: list[int], states: list[int] | None = None) -> int:
    """Keep a sequence that lies beside a longer one; returns how many tokens were new."""
    cache = filled([[7] * (len(sequence) + 3), states or sequence])
    return prefixes.keep(sequence, cache, 1)


def test_a_sequence_is_found_to_the_token_save_its_last() -> None:
    prefixes = PrefixCache(1 << 20)
    assert keep(prefixes, [1, 2, 3, 4, 5]) == 5
    assert keep(prefixes, [1, 2, 3, 4, 5, 6, 7]) == 2
    assert prefixes.nbytes == 7 * TOKEN_BYTES
    assert found(prefixes, [1, 2, 3, 4, 5, 6, 7, 8]) == 7
    # The last token is always computed, since its logits are wanted.
    assert found(prefixes, [1, 2, 3, 4, 5, 6, 7]) == 6
    # A part of a segment, in the first and in a later one.
    assert found(prefixes, [1, 2, 3, 9]) == 3
    assert found(prefixes, [1, 2, 3, 4, 5, 6, 9]) == 6
    assert found(prefixes, [2, 3, 4, 5]) == found(prefixes, [1]) == 0
    # What is only a part of something kept adds nothing and cuts nothing.
    assert keep(prefixes, [1, 2, 3]) == 0
    assert [part.count for part in prefixes.find([1, 2, 3, 4, 5, 6, 7, 8])] == [5, 2]


def test_siblings_with_a_common_beginning_share_it() -> None:
    prefixes = PrefixCache(1 << 20)
    keep(prefixes, [1, 2, 3])
    assert keep(prefixes, [1, 2, 3, 4, 4, 5, 6]) == 4
    assert keep(prefixes, [1, 2, 3, 4, 4, 7]) == 1
    assert keep(prefixes, [1, 2, 8]) == 1
    assert prefixes.nbytes == 9 * TOKEN_BYTES
    for path in ([1, 2, 3, 4, 4, 5, 6], [1, 2, 3, 4, 4, 7], [1, 2, 8]):
        assert found(prefixes, [*path, 9]) == len(path)
        for part in prefixes.find([*path, 9]):
            # Nothing that was cut off stays in memory behind a view.
            assert all(tensor.untyped_storage().nbytes() == tensor.nbytes for tensor in part.states)


def test_the_budget_holds_and_the_ends_used_longest_ago_go_first() -> None:
    prefixes = PrefixCache(12 * TOKEN_BYTES)
    ones, twos, threes, more = [*range(11, 17)], [*range(21, 27)], [31, 32], [*range(13)]
    for sequence in (ones[:3], ones, twos[:3], twos):
        keep(prefixes, sequence)

    def held() -> list[int]:
        return [found(prefixes, [*sequence, 9]) for sequence in (threes, twos, ones)]

    assert prefixes.nbytes == 12 * TOKEN_BYTES
    assert found(prefixes, [*ones, 9]) == 6
    keep(prefixes, threes)
    # The ones were looked up last, so the twos pay, and with their end.
    assert held() == [2, 3, 6]
    assert prefixes.nbytes == 11 * TOKEN_BYTES
    # What comes back had been computed before; the threes were used longest ago.
    assert keep(prefixes, twos) == 0
    assert held() == [0, 6, 6]
    # What the budget cannot hold even alone drives nothing out.
    assert keep(prefixes, more) == 13
    assert (found(prefixes, more), held(), prefixes.nbytes) == (0, [0, 6, 6], 12 * TOKEN_BYTES)
    prefixes.clear()
    assert (held(), prefixes.nbytes) == ([0, 0, 0], 0)
    assert keep(prefixes, ones) == 6


def test_a_part_of_what_was_driven_out_comes_back_as_that_part() -> None:
    prefixes = PrefixCache(4 * TOKEN_BYTES)
    keep(prefixes, [1, 2, 3, 4])
    keep(prefixes, [5, 6, 7, 8])
    assert keep(prefixes, [1, 2]) == 0
    assert found(prefixes, [1, 2, 3, 4, 5]) == 2
    assert prefixes.nbytes == 2 * TOKEN_BYTES
    assert keep(prefixes, [1, 2, 3, 4]) == 0
    assert found(prefixes, [1, 2, 3, 4, 5]) == 4


def test_a_budget_of_nothing_keeps_no_states_and_still_knows_what_is_new() -> None:
    prefixes = PrefixCache(0)
    assert [keep(prefixes, sequence) for sequence in ([1, 2, 3], [1, 2, 4], [1, 2])] == [3, 1, 0]
    assert prefixes.nbytes == found(prefixes, [1, 2, 3, 4]) == 0


SEQUENCES = st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=12), min_size=1, max_size=12)


@given(kept=SEQUENCES, wanted=SEQUENCES, budget=st.sampled_from([1, 7, 20, 1000]))
def test_the_tree_finds_what_a_search_through_all_sequences_finds(
    kept: list[list[int]], wanted: list[list[int]], budget: int
) -> None:
    prefixes = PrefixCache(budget * TOKEN_BYTES)
    numbers: dict[tuple[int, ...], int] = {}

    def states(sequence: list[int]) -> list[int]:
        """A number for each token that stands for all tokens up to it, as its states do."""
        beginnings = [tuple(sequence[: end + 1]) for end in range(len(sequence))]
        return [numbers.setdefault(beginning, len(numbers)) for beginning in beginnings]

    for sequence, other in zip_longest(kept, wanted, fillvalue=[1, 2]):
        seen = len(numbers)
        assert keep(prefixes, sequence, states(sequence)) == len(numbers) - seen
        assert prefixes.nbytes <= budget * TOKEN_BYTES
        best = sum(tuple(other[:end]) in numbers for end in range(1, len(other)))
        got = found(prefixes, other, [*(numbers[tuple(other[: end + 1])] for end in range(best)), 0])
        assert got == best if budget == 1000 else got <= best
    # Everything counted can be reached, and is counted once.
    reachable = {
        beginning[: end + 1] for beginning in numbers for end in range(found_length(prefixes, [*beginning, 0]))
    }
    assert prefixes.nbytes == len(reachable) * TOKEN_BYTES


def found_length(prefixes: PrefixCache, sequence: list[int]) -> int:
    return sum(part.count for part in prefixes.find(sequence))
