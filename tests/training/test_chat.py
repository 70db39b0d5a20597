"""Models answer in a conversation, a few tokens at a time."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from training.__main__ import BAD_INPUT, DONE, main
from training.asked_model import AskedModel
from training.chat import SLICE, chat
from training.config import BuiltinModel, HardwareConfig, LocalModel, PromptConfig
from training.config.chat import ChatConfig, ChatSampling, ChatTurn
from training.config.generate import GeneratingModel
from training.errors import InputError

QUESTION = (ChatTurn(role="user", text="What is 30 plus 41 minus 17?"),)
MODELS = (GeneratingModel(name="one"), GeneratingModel(name="other"))
CPU = HardwareConfig(device="cpu", threads=1)


def asked(turns: tuple[ChatTurn, ...] = QUESTION, **sampling: Any) -> ChatConfig:
    knobs = ChatSampling.model_validate({"samples": 3, "max_tokens": 64} | sampling)
    return ChatConfig(models=MODELS, turns=turns, answer="54", sampling=knobs, hardware=CPU)


def lines_of(config: ChatConfig, path: Path) -> list[dict[str, Any]]:
    chat(config, path)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_responses_grow_line_by_line_and_end_with_all_that_is_known_of_them(tmp_path: Path) -> None:
    lines = lines_of(asked(), tmp_path / "out.jsonl")
    ends = [line for line in lines if "finish_reason" in line]
    places = sorted((line["model"], line["sample"]) for line in ends)
    assert places == [(model, sample) for model in range(2) for sample in range(3)]
    for end in ends:
        own = [line for line in lines if (line["model"], line["sample"]) == (end["model"], end["sample"])]
        assert own[-1] is end
        assert [line["length"] for line in own[:-1]] == [SLICE * (at + 1) for at in range(len(own) - 1)]
        assert all(later["text"].startswith(before["text"]) for before, later in pairwise(own))
        assert len(end["ids"]) == len(end["ends"]) == len(end["logprobs"]) == len(end["entropies"]) == end["length"]
        assert end["ends"][-1] == len(end["text"])
        assert end["correct"] is (end["extracted"] == "54")
    assert any(len(line["ids"]) > SLICE for line in ends)
    assert len({line["text"] for line in ends}) > 1


def test_the_same_seed_draws_the_same_and_both_models_the_same_weights(tmp_path: Path) -> None:
    lines = lines_of(asked(max_tokens=24), tmp_path / "out.jsonl")
    assert lines_of(asked(max_tokens=24), tmp_path / "again.jsonl") == lines
    halves = [[line | {"model": 0} for line in lines if line["model"] == model] for model in range(2)]
    assert halves[0] == halves[1]
    assert lines_of(asked(max_tokens=24, seed=1), tmp_path / "other.jsonl") != lines


def test_greedy_slices_are_what_the_engine_draws_in_one_go(tmp_path: Path) -> None:
    from training.sampling.types import SamplingParams

    lines = lines_of(asked(samples=1, temperature=0), tmp_path / "out.jsonl")
    model = AskedModel(BuiltinModel(), PromptConfig(), CPU)
    params = SamplingParams(n=1, max_tokens=64, temperature=0, stop_ids=model.codec.stop_ids, seed=0)
    ((whole,),) = model.engine.sample([model.codec.prompt_ids(QUESTION[0].text)], params)
    assert lines[-1]["ids"] == whole.token_ids
    assert lines[-1]["finish_reason"] == whole.finish_reason


def test_a_conversation_is_put_as_its_template_says(tmp_path: Path) -> None:
    turns = (*QUESTION, ChatTurn(role="assistant", text="54, I think."), ChatTurn(role="user", text="And plus 2?"))
    lines = lines_of(asked(turns, samples=1), tmp_path / "out.jsonl")
    assert lines[-1]["finish_reason"] in {"stop", "length"}
    codec = AskedModel(BuiltinModel(), PromptConfig(), CPU).codec
    text = codec.tokenizer.decode(codec.chat_ids([(turn.role, turn.text) for turn in turns]))
    assert text.index("minus 17?") < text.index("54, I think.") < text.index("And plus 2?")
    plain = AskedModel(BuiltinModel(), PromptConfig(template="plain"), CPU).codec
    with pytest.raises(InputError, match="has one turn"):
        plain.chat_ids([(turn.role, turn.text) for turn in turns])


def test_what_cannot_be_asked_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValidationError, match="the user has the last word"):
        asked((*QUESTION, ChatTurn(role="assistant", text="No.")))
    with pytest.raises(ValidationError, match="one response"):
        ChatSampling(samples=2, temperature=0)
    long = asked((ChatTurn(role="user", text="What is 1 plus 1? " * 400),))
    path = tmp_path / "config.json"
    path.write_text(long.model_dump_json())
    assert main(["chat", str(path), "--out", str(tmp_path / "out.jsonl")]) == BAD_INPUT
    assert "but one reads at most 2,048" in capsys.readouterr().err
    nowhere = asked().model_copy(update={"models": (GeneratingModel(source=LocalModel(path="/nowhere")),)})
    path.write_text(nowhere.model_dump_json())
    assert main(["chat", str(path), "--out", str(tmp_path / "out.jsonl")]) == BAD_INPUT
    path.write_text(asked(samples=1, max_tokens=2).model_dump_json())
    assert main(["chat", str(path), "--out", str(tmp_path / "out.jsonl")]) == DONE
