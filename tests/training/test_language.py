"""Scripts of words: what is mixed, and what has no language at all."""

import numpy as np
import pytest

from training.config import RewardConfig
from training.experience.scoring import Scorer
from training.experience.types import Rollout
from training.language import language_share, mixes_scripts, reasoning_of, words_by_script
from training.rewards.verifier import Verifier


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("12+7=19\nwait, 19*3=57", {"latin": 1}),
        ("So x2 = 4, где x", {"latin": 3, "cyrillic": 1}),
        ("因为 so", {"cjk": 2, "latin": 1}),
        ("naïve café", {"latin": 2}),
        ("e\u0301t\u00e9", {"latin": 2}),  # a mark of its own parts the letters it stands between
        ("a\ufffdb", {"latin": 2, "garbled": 1}),
        ("2+2=4", {}),
    ],
)
def test_words_are_counted_by_script(text: str, words: dict[str, int]) -> None:
    assert words_by_script(text) == words


@pytest.mark.parametrize(
    ("text", "share"), [("so if 因为", 0.5), ("wait", 1.0), ("подожди", 0.0), ("12+7=19", 1.0), ("\ufffd", 0.0)]
)
def test_the_share_is_of_all_words_and_symbols_alone_are_in_no_other_language(text: str, share: float) -> None:
    assert language_share(text, "latin") == share


def test_japanese_mixes_no_scripts_and_a_foreign_word_does() -> None:
    assert not mixes_scripts("これは数学です")
    assert mixes_scripts("これはmathです")
    assert not mixes_scripts("only words 12")


@pytest.mark.parametrize(
    ("text", "reasoning"),
    [
        ("<think>a\nb</think><answer>1</answer>", "a\nb"),
        ("<think>cut off", "cut off"),
        ("opened in the prompt</think>done", "opened in the prompt"),
        ("because<answer>1</answer>", "because"),
        ("<answer>1</answer>", ""),
    ],
)
def test_reasoning_is_what_comes_before_the_answer(text: str, reasoning: str) -> None:
    assert reasoning_of(text) == reasoning


def test_the_reward_pays_the_share_of_words_by_its_weight() -> None:
    with Verifier(workers=1) as verifier:
        scorer = Scorer(RewardConfig(accuracy=1.0, language=0.5, language_script="latin"), 64, verifier)
        rewards = []
        for text in ("<think>so 因为</think><answer>2</answer>", "<think>1+1</think><answer>2</answer>"):
            rollout = Rollout([1], text, "stop", np.zeros(1, np.float32), np.zeros(1, np.float32))
            scorer.settle(rollout, scorer.start(rollout, "2").result())
            rewards.append(rollout.reward)
    assert rewards == pytest.approx([1 + 0.5 / 3, 1.5])
