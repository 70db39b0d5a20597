"""What a response is paid: accuracy by the verifier, format, and the soft penalty for running too long."""

from collections.abc import Sequence
from concurrent.futures import Future

from training.config import RewardConfig
from training.experience.types import Rollout
from training.rewards.format import follows
from training.rewards.overlong import soft_overlong_penalty
from training.rewards.verifier import Verdict, Verifier


class Scorer:
    """Scores responses. Begin with `start` while others are still being sampled; `settle` when all are there."""

    def __init__(self, config: RewardConfig, max_tokens: int, verifier: Verifier) -> None:
        self._config = config
        self._max_tokens = max_tokens
        self._verifier = verifier

    def start(self, rollout: Rollout, answer: str) -> Future[Verdict]:
        """Have the verifier begin. It reads the response only, never the prompt."""
        return self._verifier.start((rollout.graded_text, answer))

    def judge_text(self, text: str, answer: str) -> Future[Verdict]:
        """Have the verifier begin on a response that is no rollout yet."""
        return self._verifier.start((text, answer))

    def settle(self, rollout: Rollout, verdict: Verdict) -> None:
        """Fill in the reward and what it is made of. What could not be verified in time earns nothing."""
        rollout.correct, rollout.extracted = verdict.correct, verdict.extracted
        rollout.parts = {"accuracy": float(verdict.correct is True)}
        weights = {"accuracy": self._config.accuracy, "format": self._config.format, "overlong": 1.0}
        if self._config.format:
            rollout.parts["format"] = float(follows(rollout.own_text, self._config.format_rule))
        if self._config.overlong_buffer:
            length = min(len(rollout), self._max_tokens)
            rollout.parts["overlong"] = soft_overlong_penalty(length, self._max_tokens, self._config.overlong_buffer)
        rollout.reward = sum(weights[name] * value for name, value in rollout.parts.items())

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[bool | None]:
        """Whether each (text, answer) is right; None where the text holds no answer, or it could not be told."""
        verdicts = self._verifier.verify(pairs)
        return [verdict.correct if verdict.extracted is not None else None for verdict in verdicts]
