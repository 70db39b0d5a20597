"""Teachings from config to problem set: with the built-in model for real, and with endpoints that follow a script."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.training.teaching.server import Body, Said, Server, prompt_of, serving
from training.__main__ import BAD_INPUT, DONE, main
from training.config.teach import TeachConfig
from training.errors import InputError
from training.problems import Problem, read_problems, write_problems
from training.srl.steps import steps_of
from training.teaching import endpoint
from training.teaching.figures import Figures, Follower
from training.teaching.lines import problems_file
from training.teaching.teach import teach

EASY = {"kind": "builtin", "level": "easy", "train_count": 40, "heldout_count": 3}
STEPS = "SOLUTION:\n1. **Add both** 2+3=5.\n2. **State the sum** The answer is \\boxed{5}."


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "FIRST_PAUSE_S", 0.01)


def lines_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text().splitlines()]


def of_kind(out: Path, kind: str) -> list[dict[str, Any]]:
    return [line for line in lines_of(out) if line["kind"] == kind]


class Sums:
    """A set of sums asked of an endpoint, in a folder of its own."""

    def __init__(self, folder: Path, server: Server, count: int = 4) -> None:
        self.folder, self.server, self.out = folder, server, folder / "out.jsonl"
        problems = [Problem(f"p{n}", f"What is {n}+3?", str(n + 3), None, "train", "easy") for n in range(count)]
        held = [Problem("h0", "What is 50+50?", "100", None, "heldout", "easy")]
        write_problems(folder / "problems.jsonl", [*problems, *held])

    def config(self, **changes: Any) -> TeachConfig:
        teacher = {"kind": "endpoint", "base_url": self.server.url, "model": "wise", "retries": 1, "at_once": 1}
        sampling = {"samples": 2, "keep": "all"} | changes.pop("sampling", {})
        made = {"problems": {"kind": "file", "path": "problems.jsonl"}, "teacher": teacher | changes.pop("teacher", {})}
        return TeachConfig.model_validate(made | {"sampling": sampling} | changes)

    def teach(self, **changes: Any) -> Figures:
        figures = teach(self.config(**changes), self.folder, self.out)
        assert Follower(self.out).figures() == figures
        return figures

    @property
    def solutions(self) -> list[Problem]:
        return [each for each in read_problems(problems_file(self.out)) if each.solution]


@pytest.fixture
def sums(tmp_path: Path) -> Iterator[Sums]:
    with serving(lambda body: Said(f"easy: \\boxed{{{right(body)}}}")) as server:
        yield Sums(tmp_path, server)


def right(body: Body) -> int:
    """The answer to the sum that is asked last."""
    asked = prompt_of(body).rsplit("What is ", 1)[1].split("?")[0]
    return sum(map(int, asked.split("+")))


def test_the_built_in_model_teaches_easy_problems_in_its_own_format(tmp_path: Path) -> None:
    config = {"problems": EASY, "count": 12, "sampling": {"samples": 6, "max_tokens": 64, "keep": "shortest"},
              "filters": {"least_characters": 30}}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    out = tmp_path / "out.jsonl"
    assert main(["teach", str(tmp_path / "config.json"), "--out", str(out)]) == DONE
    made = read_problems(tmp_path / "out.problems.jsonl")
    solved = [problem for problem in made if problem.solution]
    assert len(solved) >= 4
    assert [problem.split for problem in made if not problem.solution] == ["heldout"] * 3
    for problem in solved:
        assert problem.solution is not None
        assert problem.solution.startswith("<think>")
        assert problem.solution.endswith(f"<answer>{problem.answer}</answer>")
        assert steps_of(problem, "line")
    figures = Follower(out).figures()
    assert figures["asked"] == figures["right"] + figures["wrong"] == 72
    assert figures["refused"]["too_short"] > 0
    assert (figures["solutions"], figures["solved"], figures["settled"]) == (len(solved), len(solved), 12)
    assert figures["tokens_out"] > 0 == figures["cost"]
    whole = out.read_text()
    torn = tmp_path / "torn.jsonl"
    torn.write_text(whole[: len(whole) // 2])
    assert main(["teach", str(tmp_path / "config.json"), "--out", str(torn)]) == DONE
    assert torn.read_text() == whole


def test_wrong_answers_are_dropped_and_figures_are_exact(sums: Sums) -> None:
    def script(body: Body) -> Said:
        n = right(body) - 3
        if n == 1:
            return Said("I think \\boxed{99}")
        if n == 2:
            return Said("no mark at all 5", usage=False)
        return Said(f"cut \\boxed{{{n + 3}}}", finish="length") if n == 3 else Said("it is \\boxed{3}")

    sums.server.script = script
    figures = sums.teach(teacher={"price_in": 1.0, "price_out": 10.0}, heldout=0)
    assert {name: figures[name] for name in ("problems", "settled", "asked", "right", "wrong", "no_verdict")} == {
        "problems": 4, "settled": 4, "asked": 8, "right": 4, "wrong": 4, "no_verdict": 0,
    }  # fmt: skip
    assert figures["refused"] == {"cut_off": 2, "wrong": 4}
    assert (figures["unchosen"], figures["solutions"], figures["solved"]) == (1, 1, 1)  # two equal answers are one
    assert (figures["tokens_in"], figures["tokens_out"], figures["without_usage"]) == (600, 120, 2)
    assert figures["cost"] == pytest.approx(6 * (100 * 1 + 20 * 10) / 1e6)
    assert [(each.id, each.solution, each.meta) for each in read_problems(problems_file(sums.out))] == [
        ("p0", "it is \\boxed{3}", {"teacher": "wise"})
    ]


def test_of_problems_that_are_solved_no_further_answer_is_asked(sums: Sums) -> None:
    seen: list[int] = []

    def script(body: Body) -> Said:
        seen.append(right(body))
        return Said(f"\\boxed{{{seen[-1] if seen[-1] > 3 or seen.count(3) > 1 else 0}}}")

    sums.server.script = script
    figures = sums.teach(sampling={"samples": 3, "keep": "first"})
    assert sorted(seen) == [3, 3, 4, 5, 6]
    assert (figures["asked"], figures["settled"], figures["solutions"]) == (5, 4, 4)


def test_the_shortest_and_all_different_ones_are_kept(sums: Sums) -> None:
    words = ("a long way to go", "short", "medium")
    sums.server.script = lambda body: Said(f"{words[len(sums.server.asked) % 3]} \\boxed{{{right(body)}}}")
    sums.teach(sampling={"samples": 3, "keep": "shortest"}, heldout=1)
    assert [each.solution for each in sums.solutions] == [f"short \\boxed{{{each.answer}}}" for each in sums.solutions]
    assert len(sums.solutions) == 4
    assert [each.id for each in read_problems(problems_file(sums.out))][-1] == "h0"
    sums.server.script = lambda body: Said(f"{len(sums.server.asked)} \\boxed{{{right(body)}}}")
    sums.out = sums.folder / "all.jsonl"
    sums.teach(sampling={"samples": 3, "keep": "all"}, count=1)
    assert [each.id[2:] for each in sums.solutions] == ["", "-2", "-3"]


def test_a_teaching_goes_on_where_its_file_ends(sums: Sums) -> None:
    sums.teach()
    whole = sums.out.read_text().splitlines(keepends=True)
    asked = len(sums.server.asked)
    for cut in (1, 3, len(whole) - 3):
        sums.out.write_text("".join(whole[:cut]) + whole[cut][:5])
        sums.server.asked.clear()
        figures = sums.teach()
        assert (figures["asked"], figures["solutions"]) == (8, 4)
        assert len(sums.server.asked) == min(asked, len(whole) - cut)
        assert sums.out.read_text().splitlines(keepends=True)[:cut] == whole[:cut]
    sums.server.asked.clear()
    sums.teach(teacher={"at_once": 3, "timeout_s": 9, "price_in": 2})  # none of which changes what is asked
    assert sums.server.asked == []
    with pytest.raises(InputError, match="begun with other problems, another teacher"):
        sums.teach(sampling={"samples": 3})


def test_a_stop_loses_nothing_and_failed_answers_are_asked_once_more(sums: Sums) -> None:
    sums.server.script = lambda body: Said(f"\\boxed{{{right(body)}}}") if right(body) != 4 else Said(status=400)
    figures = sums.teach()
    assert (figures["failed"], figures["asked"], figures["solutions"]) == (2, 8, 3)
    sums.server.asked.clear()
    sums.server.script = lambda _: Said(status=401)
    with pytest.raises(InputError, match="refuses requests without a key"):
        sums.teach()
    sums.server.script = lambda body: Said(f"\\boxed{{{right(body)}}}")
    figures = sums.teach()
    assert (figures["failed"], figures["solutions"]) == (0, 4)
    assert len(sums.server.asked) == 3


def test_what_always_fails_is_not_asked_for_ever(sums: Sums) -> None:
    sums.server.script = lambda _: Said(status=400)
    for expected in (8, 8, 0):
        sums.server.asked.clear()
        assert sums.teach()["failed"] == 8
        assert len(sums.server.asked) == expected


def test_solutions_are_written_again_as_numbered_steps(sums: Sums) -> None:
    def script(body: Body) -> Said:
        if "ORIGINAL SOLUTION" not in prompt_of(body):
            return Said(f"First think. \\boxed{{{right(body)}}}")
        return {
            3: Said("I would rather chat"),
            4: Said(STEPS.replace("5", "7")),
            5: Said(STEPS),
            6: Said(STEPS, finish="length"),
        }[right(body)]

    sums.server.script = script
    rewriter = {"kind": "endpoint", "base_url": sums.server.url, "model": "editor", "price_out": 100.0, "at_once": 1}
    figures = sums.teach(sampling={"samples": 1, "keep": "first"}, rewrite={"kind": "steps", "by": rewriter})
    assert (figures["to_rewrite"], figures["rewritten"], figures["solutions"], figures["solved"]) == (4, 1, 1, 1)
    assert figures["rewrites_refused"] == {"answer_lost": 1, "cut_off": 1, "format": 1}
    assert figures["cost"] == pytest.approx(4 * 20 * 100 / 1e6)
    (solved,) = sums.solutions
    assert solved.solution == STEPS.removeprefix("SOLUTION:\n")
    assert solved.meta == {"teacher": "wise", "rewriter": "editor"}
    assert [step.title for step in steps_of(solved, "numbered")] == ["Add both", "State the sum"]
    asked = sums.server.asked[4]
    assert asked["model"] == "editor"
    assert [message["role"] for message in asked["messages"]] == ["user"]
    assert prompt_of(asked).count("ORIGINAL SOLUTION:") == 3  # two examples and what is asked
    reasons = {line["refused"]: line["reason"] for line in of_kind(sums.out, "rewrite")}
    assert reasons["format"] == "no line begins like “1. **Title**”"


def test_the_teacher_itself_may_rewrite_and_goes_on_where_it_was(sums: Sums) -> None:
    def script(body: Body) -> Said:
        steps = f"1. **Add** It is \\boxed{{{right(body)}}}."
        return Said(steps if "ORIGINAL SOLUTION" in prompt_of(body) else f"\\boxed{{{right(body)}}}")

    sums.server.script = script
    figures = sums.teach(rewrite={"kind": "steps"})
    assert (figures["rewritten"], figures["solutions"]) == (4, 4)
    lines = sums.out.read_text().splitlines(keepends=True)
    sums.out.write_text("".join(lines[:-2]))
    sums.server.asked.clear()
    assert sums.teach(rewrite={"kind": "steps"}) == figures
    assert len(sums.server.asked) == 2


def test_problems_that_cannot_be_asked_are_left_out(sums: Sums) -> None:
    rows = [
        Problem("none", "What is 1+1?", " ", None, "train", ""),
        Problem("one", "What is 1+2?", "3", None, "train", ""),
    ]
    write_problems(sums.folder / "problems.jsonl", rows)
    figures = sums.teach()
    assert (figures["problems"], figures["left_out"], figures["asked"], figures["settled"]) == (2, 1, 2, 2)
    write_problems(sums.folder / "problems.jsonl", rows[:1])
    sums.out = sums.folder / "other.jsonl"
    with pytest.raises(InputError, match="none of the problems can be asked; of the first: it has no answer"):
        sums.teach()


def test_the_built_in_model_is_no_rewriter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text('{"rewrite": {"kind": "steps"}}')
    assert main(["teach", str(tmp_path / "config.json"), "--out", str(tmp_path / "out.jsonl")]) == BAD_INPUT
    assert "the built-in model knows arithmetic only and cannot rewrite" in capsys.readouterr().err
