"""Models answer prompts for labeling: different responses, judged, and the same file after any interruption."""

import json
from pathlib import Path
from typing import Any

import pytest

from training.__main__ import BAD_INPUT, DONE, main
from training.config import BuiltinModel, BuiltinProblems, LocalModel
from training.config.generate import GeneratingModel, GenerationConfig, GenerationSampling, SetPrompts, TypedPrompts
from training.errors import InputError
from training.generate import generate
from training.sampling.torch_engine import TorchEngine

SET = SetPrompts(problems=BuiltinProblems(level="easy", heldout_count=10, train_count=1), count=10)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def config_of(**sampling: Any) -> GenerationConfig:
    asked = {"samples": 3, "max_tokens": 24} | sampling
    return GenerationConfig(
        models=(GeneratingModel(), GeneratingModel(name="again")), prompts=SET, sampling=GenerationSampling(**asked)
    )


def test_every_model_answers_every_prompt_differently_and_is_judged(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    (tmp_path / "config.json").write_text(config_of().model_dump_json())
    assert main(["generate", str(tmp_path / "config.json"), "--out", str(out)]) == DONE
    head, *answers = lines_of(out)
    assert head == {"prompts": 10, "models": 2}
    assert [(line["model"], line["prompt"]) for line in answers] == [(m, p) for m in range(2) for p in range(10)]
    assert answers[0]["text"] == answers[10]["text"]
    for line in answers:
        texts = [each["text"].strip() for each in line["responses"]]
        assert len(set(texts)) == len(texts) <= 3
        assert all(isinstance(each["correct"], bool) and 0 < each["length"] <= 24 for each in line["responses"])
    assert sum(len(line["responses"]) for line in answers) > 40
    assert any(each["correct"] for line in answers for each in line["responses"])
    # The second model is the same one, but draws for itself.
    assert [line["responses"] for line in answers[:10]] != [line["responses"] for line in answers[10:]]


@pytest.mark.parametrize("cut", [1, 14])
def test_a_killed_generation_goes_on_to_the_same_file(tmp_path: Path, cut: int) -> None:
    whole, torn = tmp_path / "whole.jsonl", tmp_path / "torn.jsonl"
    config = config_of(samples=2, max_tokens=12)
    generate(config, tmp_path, whole)
    lines = whole.read_text().splitlines(keepends=True)
    torn.write_text("".join(lines[:cut]) + lines[cut][:9])
    generate(config, tmp_path, torn)
    answers = lines_of(whole)
    again = lines_of(torn)
    assert [line.get("prompt") for line in again] == [line.get("prompt") for line in answers]
    assert [line.get("text") for line in again] == [line.get("text") for line in answers]
    assert again == answers


def test_what_is_asked_together_is_the_same_after_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU the last bits of a response depend on those that are drawn beside it."""
    asked: list[list[list[int]]] = []
    sample = TorchEngine.sample

    def watched(engine: TorchEngine, prompts: Any, *rest: Any) -> Any:
        asked.append(prompts)
        return sample(engine, prompts, *rest)

    monkeypatch.setattr(TorchEngine, "sample", watched)
    config = config_of(samples=1, max_tokens=4)
    out = tmp_path / "out.jsonl"
    generate(config, tmp_path, out)
    undisturbed = list(asked)
    out.write_text("".join(out.read_text().splitlines(keepends=True)[:14]))
    asked.clear()
    generate(config, tmp_path, out)
    assert 1 < len(asked) < len(undisturbed)
    assert asked == undisturbed[-len(asked) :]


def test_typed_prompts_have_no_verdict_and_greedy_models_one_response(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    sampling = GenerationSampling(samples=1, max_tokens=12, temperature=0, template="plain")
    config = GenerationConfig(prompts=TypedPrompts(texts=("What is 2 + 3?", "<b>Say</b> hello")), sampling=sampling)
    generate(config, tmp_path, out)
    answers = lines_of(out)[1:]
    assert [line["text"] for line in answers] == ["What is 2 + 3?", "<b>Say</b> hello"]
    assert all(len(line["responses"]) == 1 for line in answers)
    assert {each["correct"] for line in answers for each in line["responses"]} == {None}


def test_a_prompt_that_is_too_long_is_passed_by_and_one_alone_is_refused(tmp_path: Path) -> None:
    sampling = GenerationSampling(samples=1, max_tokens=12)
    long = "1 + " * 4000 + "1"
    generate(
        GenerationConfig(prompts=TypedPrompts(texts=("What is 2 + 3?", long)), sampling=sampling), tmp_path,
        tmp_path / "out.jsonl",
    )  # fmt: skip
    assert [line["fits"] for line in lines_of(tmp_path / "out.jsonl")[1:]] == [True, False]
    with pytest.raises(InputError, match="no prompt leaves room for 12 tokens in the context of little"):
        generate(
            GenerationConfig(
                models=(GeneratingModel(name="little"),), prompts=TypedPrompts(texts=(long,)), sampling=sampling
            ),
            tmp_path,
            tmp_path / "other.jsonl",
        )


def test_a_model_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = GenerationConfig(models=(GeneratingModel(source=LocalModel(path="/nowhere")),), prompts=SET)
    (tmp_path / "config.json").write_text(config.model_dump_json())
    command = ["generate", str(tmp_path / "config.json"), "--out", str(tmp_path / "out.jsonl")]
    assert main(command) == BAD_INPUT
    assert "/nowhere is no Hugging Face model folder" in capsys.readouterr().err
    (tmp_path / "config.json").write_text('{"sampling": {"samples": 0}}')
    assert main(command) == BAD_INPUT
    assert "sampling.samples" in capsys.readouterr().err
    assert BuiltinModel() == GenerationConfig().models[0].source
