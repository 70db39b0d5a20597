"""Evaluations as runs of their own: figures, resumption, and what they refuse to ask."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from tests.training.runs import events, finish, kill_when, new_run, rows, start, tiny_config
from training.__main__ import BAD_INPUT, DONE, main
from training.algorithms.estimators import pass_at_k
from training.builtin import MODEL_DIR
from training.config import EvaluateMethod
from training.contamination import keys_of
from training.events import Alert, Finished, Metrics, ProblemsAsked, RolloutGroup, Started, TreeRecord
from training.problems.arithmetic import generate
from training.problems.types import Problem, write_problems
from training.reward_model import RewardModel
from training.solutions.keys import problem_key
from training.sources import load_folder

METHOD = {"kind": "evaluate", "samples": 4, "max_tokens": 32, "prompts_per_batch": 4}


def evaluation(**changes: Any) -> dict[str, Any]:
    """A config that asks 16 easy problems in four batches."""
    method = METHOD | changes.pop("method", {})
    return tiny_config(method=method, **changes)


def refused(capsys: pytest.CaptureFixture[str], folder: Path) -> str:
    assert main(["run", str(folder)]) == BAD_INPUT
    return capsys.readouterr().err


def problem(number: int, split: str = "heldout", **fields: Any) -> Problem:
    facts = {"id": f"{split}{number}", "prompt": f"{number}+1=?", "answer": str(number + 1), "solution": None}
    return Problem(**(facts | {"split": split, "level": "odd" if number % 2 else "even"} | fields))


def test_every_answer_is_told_and_the_figures_are_theirs(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", evaluation())
    assert main(["run", str(folder)]) == DONE
    said = events(folder)
    groups = [event for event in said if isinstance(event, RolloutGroup)]
    assert [(g.step, g.index) for g in groups] == [(b, i) for b in (1, 2, 3, 4) for i in range(4)]
    assert {len(g.rollouts) for g in groups} == {5}
    assert all([r.greedy for r in g.rollouts] == [False] * 4 + [True] for g in groups)
    right = [sum(r.correct is True for r in g.rollouts if not r.greedy) for g in groups]
    last = [event for event in said if isinstance(event, Metrics)][-1]
    assert last.values["heldout/pass_at_1"] == pytest.approx(sum(right) / 64)
    assert last.values["heldout/pass_at_k"] == pytest.approx(sum(pass_at_k(4, c, 4) for c in right) / 16)
    low, high = last.values["heldout/pass_at_1_low"], last.values["heldout/pass_at_1_high"]
    assert low is not None
    assert high is not None
    assert low < sum(right) / 64 < high
    [asked] = [event for event in said if isinstance(event, ProblemsAsked)]
    assert asked.ids == [g.problem_id for g in groups]
    assert set(asked.levels) == {"easy"}
    assert set(asked.keys) == keys_of(generate("easy", 16, "heldout", 0))
    assert isinstance(said[-1], Finished)
    assert said[-1].reason == "done"


@pytest.mark.processes
def test_a_killed_evaluation_repeats_no_finished_batch_and_says_the_same(tmp_path: Path) -> None:
    config = evaluation(method={"samples": 16})
    undisturbed, disturbed = (new_run(tmp_path / name, config) for name in ("undisturbed", "disturbed"))
    finish(start(undisturbed))
    kill_when(start(disturbed), disturbed, '"kind":"metrics"')
    kill_when(start(disturbed), disturbed, '"attempt":2')
    finish(start(disturbed))
    assert answers(disturbed) == answers(undisturbed)
    starts = [event.resumed_step for event in events(disturbed) if isinstance(event, Started)]
    assert starts[0] is None
    assert starts[2] is not None
    told = [(e.step, e.index) for e in events(disturbed) if isinstance(e, RolloutGroup) and e.step <= starts[2]]
    assert len(told) == len(set(told)), "a finished batch was answered again"


def answers(folder: Path) -> dict[Any, Any]:
    return {key: value for key, value in rows(folder).items() if key[0] in ("group", "metric", "finished")}


def test_a_finished_evaluation_that_starts_again_asks_nothing(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", evaluation(method={"problems": 4, "greedy": False}))
    assert main(["run", str(folder)]) == DONE
    before = len([event for event in events(folder) if isinstance(event, RolloutGroup)])
    assert before == 4
    assert main(["run", str(folder)]) == DONE
    assert len([event for event in events(folder) if isinstance(event, RolloutGroup)]) == before
    assert main(["run", str(folder), "--no-resume"]) == DONE
    assert len([event for event in events(folder) if isinstance(event, RolloutGroup)]) == 2 * before


def test_what_the_checkpoints_run_was_trained_on_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run 2 goes on from run 1, and both have trained on some of what is asked; spacing does not matter."""
    monkeypatch.setenv("ESPALIER_DATA", str(tmp_path))
    first = trained(tmp_path, 1, [problem(0, "train"), problem(1, "train"), problem(20)])
    assert main(["run", str(first)]) == DONE
    second = trained(tmp_path, 2, [problem(2, "train", prompt="2+1 =? ".replace(" =", "="))], start=1)
    assert main(["run", str(second)]) == DONE
    folder = asks(tmp_path / "runs" / "3", [problem(n) for n in range(6)], run=2)
    assert main(["run", str(folder)]) == DONE
    [asked] = [event for event in events(folder) if isinstance(event, ProblemsAsked)]
    assert sorted(asked.ids) == ["heldout3", "heldout4", "heldout5"]
    assert asked.trained_on == 3
    [alert] = [event for event in events(folder) if isinstance(event, Alert) and event.code == "trained_on"]
    assert "3 problems are left out" in alert.message


def test_problems_that_were_all_trained_on_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ESPALIER_DATA", str(tmp_path))
    assert main(["run", str(trained(tmp_path, 1, [problem(0, "train")]))]) == DONE
    capsys.readouterr()
    assert "trained on all 1 of these problems" in refused(capsys, asks(tmp_path / "runs" / "2", [problem(0)], run=1))
    (tmp_path / "runs" / "1" / "config.json").unlink()
    assert "what run 1 was trained on cannot be told" in refused(capsys, asks(tmp_path / "x", [problem(0)], run=1))


def test_a_benchmark_needs_no_training_half_but_some_problems_of_the_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = asks(tmp_path / "run", [problem(n) for n in range(3)])
    assert main(["run", str(folder)]) == DONE
    config = json.loads((folder / "config.json").read_text())
    config["method"]["split"] = "train"
    assert "has no train problems" in refused(capsys, new_run(tmp_path / "other", with_file(config, folder)))


def test_training_refuses_held_out_problems_that_it_trains_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = new_run(tmp_path / "run", tiny_config(steps=1, problems={"kind": "file", "path": "p.jsonl"}))
    both = [problem(n, "train") for n in range(4)] + [problem(n) for n in range(3, 6)]
    write_problems(folder / "p.jsonl", both)
    assert "1 of 3 held-out problems are in the training set as well" in refused(capsys, folder)


def test_the_evaluation_during_training_tells_the_same_figures(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", tiny_config(steps=1))
    assert main(["run", str(folder)]) == DONE
    first = next(event for event in events(folder) if isinstance(event, Metrics))
    assert {"heldout/pass_at_1", "heldout/pass_at_k", "heldout/maj_at_k", "heldout/greedy"} <= first.values.keys()
    groups = [e for e in events(folder) if isinstance(e, RolloutGroup) and e.split == "heldout" and e.step == 0]
    right = [sum(r.correct is True for r in g.rollouts if not r.greedy) for g in groups]
    assert first.values["heldout/pass_at_k"] == pytest.approx(sum(c > 0 for c in right) / len(right))


@pytest.mark.parametrize("expansion", ["full", "lazy"])
def test_a_search_at_test_time_tells_its_trees_and_counts_their_trajectories(tmp_path: Path, expansion: str) -> None:
    search = {"expansion": expansion, "width": 4, "max_depth": 4, "max_expansions": 12}
    folder = new_run(tmp_path / "run", evaluation(method={"search": search, "problems": 6}))
    assert main(["run", str(folder)]) == DONE
    groups = [event for event in events(folder) if isinstance(event, RolloutGroup)]
    trees = [event for event in events(folder) if isinstance(event, TreeRecord)]
    assert [(t.step, t.index, t.problem_id) for t in trees] == [(g.step, g.index, g.problem_id) for g in groups]
    assert len(trees) == 6
    assert {t.split for t in trees} == {"heldout"}
    assert all(1 <= sum(not r.greedy for r in g.rollouts) <= 4 for g in groups)
    assert all(sum(r.greedy for r in g.rollouts) == 1 for g in groups)
    for tree, group in zip(trees, groups, strict=True):
        assert all(group.rollouts[each.rollout].text for each in tree.trajectories)
    again = new_run(tmp_path / "again", evaluation(method={"search": search, "problems": 6}))
    assert main(["run", str(again)]) == DONE
    assert answers(again) == answers(folder)


def test_a_search_for_one_answer_counts_all_it_samples_and_says_that_it_has_an_oracle(tmp_path: Path) -> None:
    search = {"expansion": "full", "width": 4, "max_depth": 4, "max_expansions": 12}
    folder = new_run(tmp_path / "run", evaluation(method={"search": search, "problems": 4, "samples": 1}))
    assert main(["run", str(folder)]) == DONE
    said = events(folder)
    groups = [event for event in said if isinstance(event, RolloutGroup)]
    trees = [event for event in said if isinstance(event, TreeRecord)]
    assert all([r.greedy for r in g.rollouts] == [False, True] for g in groups)
    assert all(len(tree.trajectories) <= 1 for tree in trees), "a tree stops at as many answers as are asked for"
    recorded = [{each.rollout for each in tree.trajectories} for tree in trees]
    beside = sum(r.length for g, known in zip(groups, recorded, strict=True)
                 for place, r in enumerate(g.rollouts) if place not in known)  # fmt: skip
    [metrics] = [event for event in said if isinstance(event, Metrics)]
    assert metrics.values["tokens/step"] == sum(tree.tokens for tree in trees) + beside
    assert [event.code for event in said if isinstance(event, Alert)] == ["oracle_search"]


def test_keys_do_not_mind_spacing() -> None:
    assert problem_key(" 1 + 1 \n", "2") == problem_key("1 + 1", " 2 ")


def trained(data: Path, number: int, problems: list[Problem], start: int | None = None) -> Path:
    """A training run of one step on these problems, ready to be run."""
    model = {"kind": "checkpoint", "run": start, "step": 1} if start else {"kind": "builtin"}
    changes: dict[str, Any] = {"problems": {"kind": "file", "path": "p.jsonl"}, "model": model, "steps": 1}
    changes["evaluation"] = {"every_steps": 0}
    folder = new_run(data / "runs" / str(number), tiny_config(**changes))
    write_problems(folder / "p.jsonl", problems)
    return folder


def asks(folder: Path, problems: list[Problem], run: int | None = None) -> Path:
    """An evaluation on these problems, of run's first step or of the built-in model."""
    model = {"kind": "checkpoint", "run": run, "step": 1} if run else {"kind": "builtin"}
    method = {"samples": 2, "greedy": False}
    new_run(folder, evaluation(method=method, problems={"kind": "file", "path": "p.jsonl"}, model=model))
    write_problems(folder / "p.jsonl", problems)
    return folder


def with_file(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    return config | {"problems": {"kind": "file", "path": str(folder / "p.jsonl")}}


def test_a_reward_model_scores_every_answer_and_changes_no_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy, tokenizer = load_folder(MODEL_DIR, torch.device("cpu"))
    RewardModel.from_policy(policy, heads=2).save(tmp_path / "judge")
    tokenizer.save_pretrained(tmp_path / "judge")
    learned = {"learned": {"model": {"kind": "local", "path": str(tmp_path / "judge")}}}
    plain, scored = (new_run(tmp_path / name, evaluation(method=of)) for name, of in (("a", {}), ("b", learned)))
    assert [main(["run", str(folder)]) for folder in (plain, scored)] == [DONE, DONE]
    groups, others = ([e for e in events(folder) if isinstance(e, RolloutGroup)] for folder in (scored, plain))
    rewards = [rollout.parts["learned"] for group in groups for rollout in group.rollouts]
    assert len(set(rewards)) > len(rewards) // 4
    assert all(rollout.reward == rollout.parts["accuracy"] for group in groups for rollout in group.rollouts)
    assert [[r.text for r in group.rollouts] for group in groups] == [[r.text for r in g.rollouts] for g in others]
    capsys.readouterr()
    nowhere = {"learned": {"model": {"kind": "local", "path": str(tmp_path / "nowhere")}}}
    assert "is no reward model" in refused(capsys, new_run(tmp_path / "c", evaluation(method=nowhere)))


@pytest.mark.parametrize(
    ("method", "said"),
    [({"transform": "sigmoid_of_difference"}, "has no reference"), ({}, "a search gives none")],
)
def test_what_a_reward_model_cannot_be_asked_is_refused(method: dict[str, Any], said: str) -> None:
    learned = {"model": {"kind": "local", "path": "/judge"}} | method
    with pytest.raises(ValidationError, match=said):
        EvaluateMethod.model_validate(METHOD | {"learned": learned} | ({} if method else {"search": {}}))
