"""A finished tree survives in its journal bit for bit, for what grew it alone, and a bad disk costs no run."""

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.training.runs import new_run, tiny_config
from tests.training.search.forced import expand, growing, right
from tests.training.search.test_batching import SEARCH, same, searched
from training.__main__ import BAD_INPUT, DONE, main
from training.config import SamplingConfig, SearchConfig
from training.errors import InputError
from training.experience.tree import SearchRound
from training.problems.types import Problem
from training.search.growing import GrowingTree
from training.search.journal import SearchJournal, fingerprint, restore, tree_key

FILE = "step_000001.0.jsonl"


def finished() -> GrowingTree:
    tree = growing(wanted=1)
    expand(tree, right())
    return tree


def test_it_gives_back_the_same_tree_and_only_for_what_grew_it(tmp_path: Path) -> None:
    with ExitStack() as stack:
        parts, training = searched(stack)
        training._trees._journal = SearchJournal(tmp_path)
        problems = parts.problems.train[:3]
        first = training.experience.gather(SearchRound(problems, 5, 1, "weights"))

        def sampled(asked: SearchRound) -> int:
            before = training._engine.counters.tokens_sampled
            again.append(training.experience.gather(asked))
            return training._engine.counters.tokens_sampled - before

        again: list[list[object]] = []
        assert sampled(SearchRound(problems, 5, 1, "weights")) == 0
        for one, other in zip(first, again[0], strict=True):
            assert same(one, other)  # type: ignore[arg-type]
        assert sampled(SearchRound(problems, 5, 1, "others")) > 0, "other weights"
        assert sampled(SearchRound(problems, 6, 1, "weights")) > 0, "another seed"
        assert sampled(SearchRound(problems, 5, 2, "weights")) > 0, "another step"
        assert sampled(SearchRound(parts.problems.train[3:6], 5, 1, "weights")) > 0, "other problems in their places"
        assert sampled(SearchRound(problems, 5, 1, "weights", wanted=2)) > 0, "fewer ends"


def test_a_key_tells_configs_and_answers_apart() -> None:
    problem = Problem(id="p", prompt="1+1=?", answer="2", solution=None, split="train", level="easy")
    key = tree_key("w", 1, SearchConfig(), SamplingConfig(), 8, problem)
    assert key == tree_key("w", 1, SearchConfig(), SamplingConfig(), 8, problem)
    others = [
        tree_key("w", 1, SearchConfig(width=4), SamplingConfig(), 8, problem),
        tree_key("w", 1, SearchConfig(), SamplingConfig(temperature=0.7), 8, problem),
        tree_key("w", 1, SearchConfig(), SamplingConfig(), 4, problem),
        tree_key(
            "w", 1, SearchConfig(), SamplingConfig(), 8,
            Problem(id="p", prompt="1+1=?", answer="3", solution=None, split="train", level="easy"),
        ),
    ]  # fmt: skip
    assert len({key, *others}) == 5


def test_a_torn_line_does_not_spoil_the_record_after_it(tmp_path: Path) -> None:
    SearchJournal(tmp_path).keep(1, 0, "k", finished())
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"index": 9, "key"')
    assert set(SearchJournal(tmp_path).read(1, {0: "k", 9: "k"})) == {0}, "an unfinished line does not count"
    resumed = SearchJournal(tmp_path)
    resumed.keep(1, 1, "k", finished())
    resumed.keep(1, 2, "k", finished())
    assert set(resumed.read(1, {0: "k", 1: "k", 2: "k"})) == {0, 1, 2}


def test_lines_that_cannot_be_read_are_passed_over_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = SearchJournal(tmp_path)
    journal.keep(1, 0, "k", finished())
    with (tmp_path / FILE).open("ab") as file:
        file.write(b"\0\0\0\n[]\n{}\n")
    journal.keep(1, 1, "k", finished())
    with caplog.at_level(logging.WARNING):
        assert set(journal.read(1, {0: "k", 1: "k"})) == {0, 1}
    assert len(caplog.records) == 3


def test_a_disk_that_fails_is_said_once_and_the_search_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    journal = SearchJournal(tmp_path / "file" / "search")
    with caplog.at_level(logging.WARNING):
        journal.keep(1, 0, "k", finished())
        journal.keep(1, 1, "k", finished())
    assert len(caplog.records) == 1
    assert journal.read(1, {0: "k"}) == {}


def test_what_a_checkpoint_holds_is_forgotten(tmp_path: Path) -> None:
    journal = SearchJournal(tmp_path)
    for step in (1, 2):
        journal.keep(step, 0, "k", finished())
    journal.forget(1)
    assert journal.read(1, {0: "k"}) == {}
    tree = growing(wanted=1)
    restore(tree, journal.read(2, {0: "k"})[0])
    assert tree.is_done
    assert [recorded.end for recorded in tree.recorded] == [1]


def test_a_journal_that_is_full_takes_trees_again_after_a_checkpoint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, other = SearchJournal(tmp_path), SearchJournal(tmp_path, rank=1)
    other.keep(1, 9, "k", finished())
    journal.keep(1, 0, "k", finished())
    monkeypatch.setattr("training.search.journal.MOST_BYTES", 2 * (tmp_path / FILE).stat().st_size)
    with caplog.at_level(logging.WARNING):
        for index in range(1, 5):
            journal.keep(2, index, "k", finished())
    assert len(caplog.records) == 1
    assert list(journal.read(2, dict.fromkeys(range(5), "k"))) == [1]
    journal.forget(1)
    journal.keep(3, 0, "k", finished())
    assert list(journal.read(3, {0: "k"})) == [0]


def test_a_run_leaves_no_tree_on_disk_when_it_ends(tmp_path: Path) -> None:
    """Of the steps after the last checkpoint before the end, too."""
    changes = {"steps": 2, "checkpoints": {"every_steps": 1}, "evaluation": {"every_steps": 0}}
    folder = new_run(tmp_path / "run", tiny_config(method=SEARCH, **changes))
    kept = list[str]()
    keep = SearchJournal.keep

    def watched(journal: SearchJournal, *of_tree: Any) -> None:
        keep(journal, *of_tree)
        kept.extend(path.name for path in (folder / "search").iterdir())

    with patch.object(SearchJournal, "keep", watched):
        assert main(["run", str(folder)]) == DONE
    assert set(kept) == {FILE, "step_000002.0.jsonl"}
    assert kept[-1:] == ["step_000002.0.jsonl"], "what a checkpoint holds is gone before the next search"
    assert not (folder / "search").exists()


def test_a_run_that_begins_anew_takes_up_no_tree(tmp_path: Path) -> None:
    config = tiny_config(method=SEARCH, steps=1, checkpoints={"every_steps": 0}, evaluation={"every_steps": 0})
    folder = new_run(tmp_path / "run", config)
    (folder / "search").mkdir()
    left = folder / "search" / "step_000009.0.jsonl"
    left.write_text("{}\n")
    assert main(["run", str(folder)]) == DONE
    assert not left.exists(), "when it has ended"
    left.parent.mkdir()
    left.write_text("{}\n")
    with patch("training.run.Trainer", side_effect=InputError("no")):
        assert main(["run", str(folder), "--no-resume"]) == BAD_INPUT
    assert not left.exists()


def test_a_fingerprint_changes_with_the_weights() -> None:
    with ExitStack() as stack:
        parts, _ = searched(stack)
        before = fingerprint(parts.policy.model)
        assert fingerprint(parts.policy.model) == before
        next(iter(parts.policy.model.parameters())).data[0, 0] += 1e-3
        assert fingerprint(parts.policy.model) != before
