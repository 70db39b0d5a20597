"""What a response is paid: accuracy by the verifier, format, penalties for running too long, a learned reward."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from training.config import RewardConfig
from training.experience.learned import LEARNED, LearnedReward
from training.experience.types import Group, Rollout
from training.language import language_share, reasoning_of
from training.rewards.format import follows
from training.rewards.overlong import soft_overlong_penalty
from training.rewards.verifier import Verdict, Verifier


class Scorer:
    """Scores responses. Begin with `start` while others are still being sampled; `settle` when all are there."""

    def __init__(
        self, config: RewardConfig, max_tokens: int, verifier: Verifier, learned: LearnedReward | None = None
    ) -> None:
        self._config = config
        self._max_tokens = max_tokens
        self._verifier = verifier
        self._learned = learned
        self._weights = {
            "accuracy": config.accuracy,
            "format": config.format,
            "language": config.language,
            "overlong": 1.0,
            "missing_end": config.missing_end,
            LEARNED: config.learned.weight,
        }

    def start(self, rollout: Rollout, answer: str) -> Future[Verdict]:
        """Have the verifier begin. It reads the response only, never the prompt."""
        return self._verifier.start((rollout.graded_text, answer))

    def judge_text(self, text: str, answer: str) -> Future[Verdict]:
        """Have the verifier begin on a response that is no rollout yet."""
        return self._verifier.start((text, answer))

    def settle(self, rollout: Rollout, verdict: Verdict) -> None:
        """Fill in the reward by rules and what it is made of. What could not be verified in time earns nothing."""
        rollout.correct, rollout.extracted = verdict.correct, verdict.extracted
        rollout.parts = {"accuracy": float(verdict.correct is True)}
        if self._config.format:
            rollout.parts["format"] = float(follows(rollout.own_text, self._config.format_rule))
        if self._config.language:
            reasoning = reasoning_of(rollout.own_text)
            rollout.parts["language"] = language_share(reasoning, self._config.language_script)
        if self._config.overlong_buffer:
            length = min(len(rollout), self._max_tokens)
            rollout.parts["overlong"] = soft_overlong_penalty(length, self._max_tokens, self._config.overlong_buffer)
        if self._config.missing_end:
            rollout.parts["missing_end"] = -float(rollout.truncated)
        self._pay(rollout)

    @property
    def has_learned(self) -> bool:
        """Whether responses get a learned reward, too."""
        return self._learned is not None

    def score(self, groups: Sequence[Group]) -> None:
        """Add the learned reward, where there is one. All processes call it at the same times, with their groups."""
        if self._learned is None:
            return
        self._learned.score(groups)
        for group in groups:
            for rollout in group.rollouts:
                self._pay(rollout)

    def forget_reference(self) -> None:
        """The reference has changed: what it answered before is not compared with any more."""
        if self._learned:
            self._learned.forget_reference()

    def beside(self, rollout: Rollout) -> float:
        """What a settled rollout earns or pays besides being right or wrong, format left out."""
        names = ("language", "overlong", "missing_end", LEARNED)
        return sum(self._weights[name] * rollout.parts.get(name, 0.0) for name in names)

    def state_dict(self) -> dict[str, Any]:
        """What scoring the next response depends on; plain values, for a checkpoint."""
        return self._learned.state_dict() if self._learned else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What `state_dict` gave."""
        if self._learned:
            self._learned.load_state_dict(state)

    def _pay(self, rollout: Rollout) -> None:
        rollout.reward = sum(self._weights[name] * value for name, value in rollout.parts.items())

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[bool | None]:
        """Whether each (text, answer) is right; None where the text holds no answer, or it could not be told."""
        verdicts = self._verifier.verify(pairs)
        return [verdict.correct if verdict.extracted is not None else None for verdict in verdicts]
