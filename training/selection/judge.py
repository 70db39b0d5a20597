"""Has a model say whether responses agree with a reference, where there is no answer that a rule could check.

DeepSeek-R1's third stage does so. A judge's word is worth less than a verifier's: it is asked only about problems
without an answer, and what it leaves open counts as wrong.
"""

import re
from collections.abc import Sequence

from training.codec import Codec
from training.distributed import Processes
from training.experience.types import Group
from training.sampling.types import Engine, SamplingParams

QUESTION = (
    "Problem:\n{problem}\n\nReference solution:\n{reference}\n\nProposed solution:\n{response}\n\n"
    "Does the proposed solution come to the same result as the reference solution? Answer with yes or no."
)

_WORD = re.compile(r"\b(yes|no)\b", re.IGNORECASE)


class AnswerJudge:
    """Asks a model, once and greedily, about each response."""

    def __init__(
        self, engine: Engine, codec: Codec, processes: Processes, max_tokens: int, context: int | None
    ) -> None:
        """`context` is the most that the model reads, prompt and reply together; None for no limit."""
        self._engine = engine
        self._codec = codec
        self._processes = processes
        self._max_tokens = max_tokens
        self._context = context

    def settle(self, groups: Sequence[Group]) -> None:
        """Say of every response to a problem without an answer whether it is right.

        All processes call it at the same times with the same groups; each asks about its share.
        """
        open_ended = [group for group in groups if not group.problem.answer.strip()]
        rollouts = [(group, rollout) for group in open_ended for rollout in group.rollouts]
        questions = [
            QUESTION.format(
                problem=group.problem.prompt, reference=group.problem.solution or "", response=rollout.own_text
            )
            for group, rollout in rollouts
        ]
        for (_, rollout), agreed in zip(rollouts, self._ask(questions), strict=True):
            rollout.correct = agreed

    def _ask(self, questions: Sequence[str]) -> list[bool | None]:
        mine = self._processes.share(questions)
        room = self._context - self._max_tokens if self._context is not None else None
        fitting = [place for place, text in enumerate(mine) if room is None or self._codec.prompt_fits(text, room)]
        params = SamplingParams(
            n=1, max_tokens=self._max_tokens, temperature=0.0, stop_ids=self._codec.stop_ids, seed=0
        )
        prompts = [self._codec.prompt_ids(mine[place]) for place in fitting]
        replies = self._engine.sample(prompts, [params] * len(prompts)) if prompts else []
        verdicts: list[bool | None] = [None] * len(mine)
        for place, (reply,) in zip(fitting, replies, strict=True):
            verdicts[place] = verdict_of(self._codec.text(reply.token_ids))
        return self._processes.unshare(verdicts)


def verdict_of(reply: str) -> bool | None:
    """The last yes or no of a reply, after whatever the judge thought; None where it says neither."""
    words = _WORD.findall(reply.rpartition("</think>")[2])
    return words[-1].lower() == "yes" if words else None
