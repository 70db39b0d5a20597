"""The shipped model for tools: writes calls, clumsily enough that there is something to learn."""

from statistics import fmean

import pytest
import torch

from training.agent.parser import parse_calls
from training.builtin import MODEL_DIR, TOOLS_MODEL_DIR
from training.builtin.build_tools import TOKENIZER_FILES
from training.codec import Codec, stop_ids
from training.config import BuiltinModel, PromptConfig, RunConfig
from training.config.presets import TOOL_FORMAT
from training.problems.computation import generate_computations
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import SamplingParams
from training.sources import load_model

CONFIG = RunConfig(model=BuiltinModel(variant="tools"), prompt=PromptConfig(tools="template"))


@pytest.fixture(scope="module")
def first_turns() -> list[str]:
    """How it begins to answer 40 held-out problems, 4 times each."""
    torch.set_num_threads(1)
    model, tokenizer = load_model(CONFIG, torch.device("cpu"))
    codec = Codec(tokenizer, CONFIG.prompt, stop_ids(model, tokenizer))
    prompts = [codec.prompt_ids(problem.prompt) for problem in generate_computations(40, "heldout", 7)]
    params = SamplingParams(n=4, max_tokens=96, temperature=1.0, stop_ids=codec.stop_ids, seed=0)
    return [codec.text(sample.token_ids) for group in TorchEngine(model).sample(prompts, params) for sample in group]


def test_it_is_the_other_model_in_half_the_room_and_trains_in_full_precision() -> None:
    small, full = ((folder / "model.safetensors").stat().st_size for folder in (TOOLS_MODEL_DIR, MODEL_DIR))
    assert small < 0.6 * full
    model, _ = load_model(CONFIG, torch.device("cpu"))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    for name in TOKENIZER_FILES:
        assert (TOOLS_MODEL_DIR / name).read_bytes() == (MODEL_DIR / name).read_bytes()


def test_the_card_states_the_command_and_what_was_measured() -> None:
    card = (TOOLS_MODEL_DIR / "README.md").read_text(encoding="utf-8")
    assert "python -m training.builtin.build_tools --out DIR" in card
    assert f"{TOOL_FORMAT.config.steps} updates" in card
    (row,) = [line for line in card.split("\n") if line.startswith("| 0.")]
    used, readable, _, right, _, _ = map(float, row.strip("| ").split(" | "))
    assert used > 0.65
    assert readable > 0.8
    assert 0.1 < right < 0.5


def test_most_responses_begin_with_a_call_and_the_others_guess(first_turns: list[str]) -> None:
    calling = [text for text in first_turns if "<tool_call>" in text]
    assert 0.55 < len(calling) / len(first_turns) < 0.9
    assert fmean("<answer>" in text for text in first_turns if text not in calling) > 0.9


def test_most_calls_can_be_read_and_some_of_them_fail(first_turns: list[str]) -> None:
    requests = [request for text in first_turns for request in parse_calls(text)]
    readable = [request for request in requests if request.refusal is None]
    assert len(readable) / len(requests) > 0.75
    others = [request for request in readable if request.name != "python"]
    assert 0 < len(others) < len(readable) / 2
    assert any("prin(" in str(request.arguments.get("code")) for request in readable)
