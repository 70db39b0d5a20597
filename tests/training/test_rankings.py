"""Files of rankings: what they must hold, what counts, and a split that keeps prompts apart."""

import json
from pathlib import Path
from typing import Any

import pytest

from training.algorithms.preferences import Ranking
from training.errors import InputError
from training.rankings import RankingRow, load_rankings


def row(prompt: str = "p", ranks: tuple[float, ...] = (1, 2), **more: Any) -> dict[str, Any]:
    return {"prompt": prompt, "responses": [f"r{place}" for place in range(len(ranks))], "ranks": list(ranks)} | more


def written(path: Path, *rows: Any) -> Path:
    file = path / "rankings.jsonl"
    file.write_text("\n\n".join(each if isinstance(each, str) else json.dumps(each) for each in rows) + "\n")
    return file


def test_repeats_do_not_count_and_an_adjudicated_label_stands_for_the_others(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        row("a", (1, 2)), row("a", (2, 1)), row("a", (1, 1), kind="adjudicated"),
        row("b", (1, 2, 2)), row("b", (3, 1, 2), kind="repeat"), row("b", (2, 1)),
    )  # fmt: skip
    found = load_rankings(file, heldout_share=0, seed=0)
    assert [each.ranks for each in found.train] == [[1, 1], [1, 2, 2], [2, 1]]
    assert (found.heldout, found.left_out) == ([], 3)


def test_no_prompt_is_on_both_sides_and_more_labels_move_none(tmp_path: Path) -> None:
    rows = [row(f"prompt {number % 200}", (1, 2)) for number in range(600)]
    found = load_rankings(written(tmp_path, *rows), heldout_share=0.25, seed=3)
    held, trained = {each.prompt for each in found.heldout}, {each.prompt for each in found.train}
    assert not held & trained
    assert 30 <= len(held) <= 70, "about a quarter of 200"
    fewer = load_rankings(written(tmp_path, *rows[:150]), heldout_share=0.25, seed=3)
    assert {each.prompt for each in fewer.heldout} <= held
    other = load_rankings(written(tmp_path, *rows), heldout_share=0.25, seed=4)
    assert {each.prompt for each in other.heldout} != held


@pytest.mark.parametrize(
    ("choice", "ranks", "expected"),
    [
        (1, (1, 2), {(0, 1): 1.0}),
        (4, (2, 1), {(1, 0): 1 / 3}),
        (3, (1, 1), {}),
        (None, (1, 2), {}),
    ],
)
def test_margins_follow_the_strength_of_a_choice(
    choice: int | None, ranks: tuple[float, ...], expected: dict[tuple[int, int], float]
) -> None:
    label = RankingRow.model_validate(row(ranks=ranks, choice=choice))
    assert label.ranking(margins=True) == Ranking(list(ranks), expected)
    assert label.ranking() == Ranking(list(ranks))


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("{", "line 3: this is no JSON"),
        ([1], "line 3: Input should be"),
        (row(ranks=(1,)), "line 3: responses: List should have at least 2 items"),
        (row() | {"ranks": [1, 2, 3]}, "line 3: Value error, 3 ranks for 2 responses"),
        (row() | {"responses": ["a", ""]}, r"line 3: responses.1"),
        (row(kind="guess"), "line 3: kind"),
        ('{"prompt": "p", "responses": ["a", "b"], "ranks": [1, NaN]}', r"line 3: ranks.1"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, bad: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_rankings(written(tmp_path, row(), bad), heldout_share=0.1, seed=0)


def test_files_with_nothing_to_learn_from_say_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        load_rankings(tmp_path / "none.jsonl", 0.1, 0)
    with pytest.raises(InputError, match="holds no rankings"):
        load_rankings(written(tmp_path, row(kind="repeat")), 0.1, 0)
