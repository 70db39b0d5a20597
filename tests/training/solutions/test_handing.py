"""What earlier stages have found reaches a later one on the same problems."""

from pathlib import Path

from training.config import RunConfig
from training.events import FoundSolution, RejectedSolution, SolutionsFound
from training.solutions.file import InvalidLine, SolutionLine
from training.solutions.handing import found_in, takes_solutions


def test_finds_and_rejections_are_read_in_their_order(tmp_path: Path) -> None:
    found = FoundSolution(
        problem="p", problem_id="1", prompt="?", answer="2", text="<answer>2</answer>", token_ids=[4, 1],
        logprobs="", tokenizer="t", verifier="1", index=0,
    )  # fmt: skip
    said = [
        SolutionsFound(step=1, found=[found]),
        SolutionsFound(step=2, rejected=[RejectedSolution(problem="p", key="k", reason="wrong")]),
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("".join(event.model_dump_json() + "\n" for event in said) + said[0].model_dump_json())
    first, second = found_in([tmp_path / "nowhere.jsonl", path])
    assert isinstance(first, SolutionLine)
    assert (first.problem, first.token_ids) == ("p", [4, 1])
    assert second == InvalidLine(problem="p", key="k", reason="wrong")


def test_who_takes_solutions() -> None:
    configs = (
        {"method": {"kind": "deepsearch"}},
        {"method": {"kind": "deepsearch", "cache": {"share": False}}},
        {"method": {"kind": "deepsearch", "cache": {"enabled": False}}},
        {"method": {"kind": "ppo"}, "selection": {"kind": "not_cached"}},
        {"method": {"kind": "sft"}},
    )
    taken = [takes_solutions(RunConfig.model_validate(config)) for config in configs]
    assert taken == [True, False, False, True, False]
