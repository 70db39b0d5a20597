"""Memory of keys and values: rows that come and go, and prefixes kept within a budget."""

import random

import pytest
import torch

from training.sampling.kv_cache import SPARE_COLUMNS, KVCache
from training.sampling.prefix_cache import BLOCK, PrefixCache

LAYERS, HEADS, SIZE = 2, 3, 4
LONGEST = 200
BLOCK_BYTES = 2 * LAYERS * HEADS * BLOCK * SIZE * 4


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
        cache.window(len(sequences), width).update(layer, keys, -keys)
    return cache


def rows_of(cache: KVCache, rows: int) -> list[list[int]]:
    """The tokens whose states each row holds, after checking every number of every layer."""
    window = cache.window(rows, new=1)
    contents = []
    for row in range(rows):
        columns = window.attention_mask()[row].nonzero()[:, 0] + window.first
        assert columns.tolist() == list(range(window.end - len(columns), window.end))
        keys, values = cache.keys[0], cache.values[0]
        assert keys is not None
        assert values is not None
        tokens = [int(keys[row, 0, column, 0]) // 100 for column in columns.tolist()]
        for layer in range(LAYERS):
            expected = torch.cat([state(token, layer) for token in tokens], 1)
            assert torch.equal(cache.keys[layer][row][:, columns], expected)  # type: ignore[index]
            assert torch.equal(cache.values[layer][row][:, columns], -expected)  # type: ignore[index]
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
            cache.adopt(len(live), filled([[1, 2], prompt]), torch.tensor([1]))
            live.append(prompt)
        elif live and (action < 0.12 or max(map(len, live)) == LONGEST):
            leaving = max(range(len(live)), key=lambda row: len(live[row]))
            cache.move_rows(torch.tensor([len(live) - 1]), torch.tensor([leaving]))
            live[leaving] = live[-1]
            live.pop()
            cache.narrow(max(map(len, live), default=0))
        elif live:
            tokens = [rng.randrange(50) for _ in live]
            cache.open_column()
            for layer in range(LAYERS):
                keys = torch.stack([state(token, layer) for token in tokens])
                cache.window(len(live), new=1).update(layer, keys, -keys)
            live = [[*row, token] for row, token in zip(live, tokens, strict=True)]
        layouts.add(cache.columns)
        if live:
            assert rows_of(cache, len(live)) == live
    assert len(layouts) > 1


def test_buffers_grow_to_what_the_longest_row_needs_and_no_further() -> None:
    cache = KVCache(1, LAYERS, 8, LONGEST, torch.device("cpu"), torch.float32)
    cache.adopt(0, filled([[1] * 150]), torch.tensor([0]))
    for _ in range(LONGEST - 150):
        cache.open_column()
    assert cache.width == LONGEST
    assert cache.columns == LONGEST + SPARE_COLUMNS


def test_a_window_of_several_new_columns_is_causal() -> None:
    bias = filled([[1, 2, 3, 4], [5, 6]]).window(2, new=3).bias()
    assert (bias[:, 0] == 0).int().tolist() == [
        [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]],
        [[0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]],
    ]


def kept(prefixes: PrefixCache, sequence: list[int]) -> int:
    """Tokens of `sequence` found, after checking the states of each."""
    blocks = prefixes.find(sequence)
    for index, block in enumerate(blocks):
        tokens = sequence[index * BLOCK : (index + 1) * BLOCK]
        for layer, (keys, values) in enumerate(block.states):
            expected = torch.cat([state(token, layer) for token in tokens], 1)
            assert torch.equal(keys, expected)
            assert torch.equal(values, -expected)
    return BLOCK * len(blocks)


def keep(prefixes: PrefixCache, sequence: list[int]) -> None:
    """Keep a sequence that lies beside a longer one."""
    cache = filled([[7] * (len(sequence) + 3), sequence])
    prefixes.keep(sequence, cache, 1, 3)


def test_sequences_share_the_blocks_of_their_common_beginning() -> None:
    prefixes = PrefixCache(1 << 20)
    rng = random.Random(2)
    trunk = [rng.randrange(50) for _ in range(3 * BLOCK)]
    left, right = [*trunk, *[1] * BLOCK], [*trunk, *[2] * BLOCK]
    keep(prefixes, left)
    keep(prefixes, right)
    assert prefixes.nbytes == 5 * BLOCK_BYTES
    assert kept(prefixes, [*left, 9]) == kept(prefixes, [*right, 9]) == 4 * BLOCK
    # The last token is always computed, since its logits are wanted.
    assert kept(prefixes, left) == 3 * BLOCK
    assert kept(prefixes, [*trunk[1:], 9]) == 0
    # The same tokens after another beginning are other states.
    assert kept(prefixes, [*trunk[: 2 * BLOCK], *[1] * (BLOCK + 1)]) == 2 * BLOCK


def test_the_budget_holds_and_the_ends_used_longest_ago_go_first() -> None:
    prefixes = PrefixCache(5 * BLOCK_BYTES)
    old, new = [1] * (3 * BLOCK), [2] * (3 * BLOCK)
    keep(prefixes, old)
    keep(prefixes, new)
    assert prefixes.nbytes == 5 * BLOCK_BYTES
    assert kept(prefixes, [*old, 9]) == 2 * BLOCK
    keep(prefixes, [3] * BLOCK)
    # `old` was looked up last, so `new` pays.
    assert kept(prefixes, [*new, 9]) == 2 * BLOCK
    assert kept(prefixes, [*old, 9]) == 2 * BLOCK
    prefixes.clear()
    assert prefixes.nbytes == kept(prefixes, [*old, 9]) == 0
