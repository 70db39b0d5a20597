"""The build: reproducible by seed, trained on responses only, measured without bias."""

from itertools import combinations
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from training.builtin.build import build
from training.builtin.measure import is_right, pass_at_k
from training.builtin.pretrain import EXTRA_LEVELS, IGNORED, Plan, Stage, new_model, response_loss, training_problems
from training.builtin.styles import Mixture
from training.builtin.tokenizer import build_tokenizer
from training.problems.arithmetic import LEVELS, parse, split_of

TINY = Plan(
    stages=(Stage(3, Mixture(0.0, 0.3, 0.1)), Stage(2, Mixture(0.7, 0.1, 0.1))),
    pool={"single": 40, "middle": 40},
    batch_size=8,
)


def test_the_same_seed_builds_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.builtin.build.MAX_TOKENS", 8)  # what has learned so little does not know when to end
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        build(tmp_path / name, seed, TINY, measured_problems=1)
    weights = {name: (tmp_path / name / "model.safetensors").read_bytes() for name in ("first", "again", "other")}
    assert weights["first"] == weights["again"] != weights["other"]
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "first")
    assert model.config.vocab_size == len(AutoTokenizer.from_pretrained(tmp_path / "first"))
    assert "5" in (tmp_path / "first" / "README.md").read_text(encoding="utf-8")


def test_training_problems_are_never_held_out() -> None:
    problems = training_problems(Plan(stages=(), pool=dict.fromkeys([*LEVELS, *EXTRA_LEVELS], 50)), seed=0)
    assert {problem.level for problem in problems} == {*LEVELS, *EXTRA_LEVELS}
    assert all(split_of(parse(problem.meta["expression"])) == "train" for problem in problems)


def test_the_loss_sums_the_wanted_tokens_and_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    model = new_model(build_tokenizer([])).eval()
    ids = torch.randint(5, 300, (2, 9))
    labels = ids.clone()
    labels[0, :4] = IGNORED
    labels[1, :6] = IGNORED
    with torch.no_grad():
        logprobs = model(ids).logits.double().log_softmax(-1)
        expected = -sum(
            logprobs[row, position - 1, ids[row, position]] for row in (0, 1) for position in range((4, 6)[row], 9)
        )
        padded = torch.nn.functional.pad(ids, (0, 3)), torch.nn.functional.pad(labels, (0, 3), value=IGNORED)
        assert response_loss(model, ids, labels).item() == pytest.approx(expected.item(), rel=1e-5)
        assert response_loss(model, *padded).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(("samples", "right", "k"), [(6, 2, 1), (6, 2, 3), (6, 0, 3), (6, 5, 2), (5, 1, 5)])
def test_pass_at_k_is_the_share_of_k_subsets_with_a_right_sample(samples: int, right: int, k: int) -> None:
    subsets = list(combinations([True] * right + [False] * (samples - right), k))
    assert pass_at_k(samples, right, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_pass_at_k_refuses_more_than_there_are_samples() -> None:
    with pytest.raises(ValueError, match="between 1 and the number of samples"):
        pass_at_k(4, 1, 5)


def test_only_the_last_answer_counts() -> None:
    assert is_right("<answer>3</answer><answer>57</answer>", "57")
    assert not is_right("<answer>57</answer><answer>3</answer>", "57")
    assert not is_right("57", "57")
