"""Selections of real runs: interrupted, by another model, of nothing, and by what others have solved."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.runs import events, new_run, tiny_config
from training.assembly import Parts
from training.assembly.selection import SELECTION_FILE, select_problems
from training.config import RunConfig
from training.distributed import Processes
from training.errors import InputError
from training.events import Finished, ListSink, ProblemsSelected, Started
from training.recorder import Recorder
from training.run import run
from training.selection import asking
from training.solutions.file import SOLUTIONS_FILE, InvalidLine, SolutionLine, append_lines
from training.solutions.keys import problem_key
from training.sources import load_model, load_problems
from training.stopping import Stopped, StopSignal

SFT = {"kind": "sft", "sequences_per_step": 4, "max_length": 64}


class StopAfter(StopSignal):
    """Asks to stop when it was looked at so many times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.left = looks

    @property
    def requested(self) -> bool:
        self.left -= 1
        return self.left < 0


def select(
    folder: Path, stop: StopSignal | None = None, told: bool = False, **changes: Any
) -> tuple[Parts, list[ProblemsSelected]]:
    torch.set_num_threads(1)
    config, sink = RunConfig.model_validate(tiny_config(**changes)), ListSink()
    model = load_model(config, torch.device("cpu"))
    parts = Parts.of(config, load_problems(config, folder), *model, Recorder(sink), Processes(), folder)
    selected = select_problems(parts, stop or StopSignal(), told)
    return selected, [event for event in sink.events if isinstance(event, ProblemsSelected)]


def test_a_stopped_selection_goes_on_to_what_an_undisturbed_one_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "RESPONSES_AT_ONCE", 32)
    rule = {"kind": "pass_rate", "samples": 4, "at_least": 0.25, "at_most": 0.5}
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    whole, (event,) = select(tmp_path / "whole", selection=rule)
    with pytest.raises(Stopped):
        select(tmp_path / "broken", StopAfter(3), selection=rule)
    file = tmp_path / "broken" / SELECTION_FILE
    lines = file.read_text().splitlines(keepends=True)
    assert len(lines) == 1 + 3 * 8
    file.write_text("".join(lines[:-2]) + lines[-2][:20])  # killed amid a line
    again, (second,) = select(tmp_path / "broken", selection=rule)
    assert [problem.id for problem in again.problems.train] == [problem.id for problem in whole.problems.train]
    assert second.model_dump(exclude={"at", "seconds"}) == event.model_dump(exclude={"at", "seconds"})
    assert 0 < event.kept < event.asked == 64
    assert event.kept + sum(event.dropped.values()) == event.asked
    assert sum(event.right) == 64
    assert event.kept == sum(event.right[1:3])
    done = file.read_bytes()
    third, none = select(tmp_path / "broken", StopAfter(0), told=True, selection=rule)  # nothing is left to ask
    assert (len(third.problems.train), none, file.read_bytes()) == (event.kept, [], done)


def test_answers_of_another_model_or_rule_are_not_taken(tmp_path: Path) -> None:
    few = {"problems": {"kind": "builtin", "level": "easy", "train_count": 8, "heldout_count": 4}}
    rule: dict[str, Any] = {"kind": "not_always_solved", "samples": 2}
    select(tmp_path, selection=rule, **few)
    name = (tmp_path / SELECTION_FILE).read_text().splitlines()[0]
    measured = rule | {"measured_by": {"kind": "builtin", "variant": "tools"}}
    select(tmp_path, selection=measured, **few)
    assert (tmp_path / SELECTION_FILE).read_text().splitlines()[0] != name


def test_a_run_imitates_its_own_right_responses(tmp_path: Path) -> None:
    rule = {"kind": "rejection_sampling", "samples": 4, "prefer": "longest", "max_tokens": 40}
    config = RunConfig.model_validate(tiny_config(method=SFT, selection=rule, steps=2))
    folder = new_run(tmp_path / "run", tiny_config())
    assert run(config, folder) == "done"
    said = events(folder)
    kinds = [event.kind for event in said if event.kind in ("started", "selected", "metrics")]
    assert kinds[:3] == ["started", "selected", "metrics"]
    event = next(event for event in said if isinstance(event, ProblemsSelected))
    assert 8 < event.solutions == event.kept < 64
    shown = [example for example in event.examples if not example.reason]
    assert all(example.response.endswith(f"<answer>{example.answer}</answer>") for example in shown)
    assert shown


def test_a_run_that_is_stopped_while_it_selects_has_ended_before_its_first_step(tmp_path: Path) -> None:
    config = RunConfig.model_validate(tiny_config(selection={"kind": "not_always_solved"}))
    folder = new_run(tmp_path / "run", tiny_config())
    assert run(config, folder, stop=StopAfter(0)) == "stopped"
    last = events(folder)[-1]
    assert isinstance(last, Finished)
    assert (last.step, last.reason) == (0, "stopped")
    assert any(isinstance(event, Started) for event in events(folder))


def test_a_selection_that_leaves_nothing_says_what_it_dropped(tmp_path: Path) -> None:
    rule = {"kind": "pass_rate", "samples": 2, "at_least": 1, "at_most": 1, "max_tokens": 1}
    with pytest.raises(InputError, match=r"leaves none of 64 training problems \(64 solved too seldom\)"):
        select(tmp_path, selection=rule)


def test_problems_with_a_known_solution_are_left_out_unless_it_was_withdrawn(tmp_path: Path) -> None:
    problems = load_problems(RunConfig.model_validate(tiny_config()), tmp_path).train[:2]
    keys = [problem_key(problem.prompt, problem.answer) for problem in problems]
    lines = [
        SolutionLine(problem=key, key="s", text="t", token_ids=[1], logprobs="", tokenizer="d", verifier="1")
        for key in keys
    ]
    append_lines(tmp_path / SOLUTIONS_FILE, [*lines, InvalidLine(problem=keys[1], key="s", reason="wrong")])
    selected, (event,) = select(tmp_path, selection={"kind": "not_cached"})
    assert len(selected.problems.train) == 63
    assert problems[0] not in selected.problems.train
    assert (event.dropped, event.samples) == ({"solution known": 1}, 0)


def test_srl_is_measured_by_whole_responses_not_by_steps(tmp_path: Path) -> None:
    srl = {"kind": "srl", "sampling": {"prompts_per_step": 4, "samples_per_prompt": 4, "max_tokens": 2}}
    _, (event,) = select(tmp_path, method=srl, selection={"kind": "not_always_solved", "samples": 2})
    assert sum(event.right[1:]) > 5  # the evaluation's 32 tokens hold an answer, 2 do not
