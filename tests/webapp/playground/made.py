"""Conversations for tests: with answers as a worker leaves them."""

import uuid
from typing import Any

from training.config.chat import ChatConfig
from webapp.accounts.models import User
from webapp.core.jobs import JobState
from webapp.playground import services
from webapp.playground.models import Question


def config(samples: int = 2, models: int = 1, answer: str = "7", text: str = "What is 3 plus 4?") -> ChatConfig:
    named = [{"name": name} for name in ("Trained", "Its base")[:models]]
    turns = [{"role": "user", "text": text}]
    return ChatConfig.model_validate(
        {"models": named, "turns": turns, "answer": answer, "sampling": {"samples": samples}}
    )


def response(text: str, correct: bool | None = None, **more: Any) -> dict[str, Any]:
    """A whole response whose tokens are its characters."""
    count = len(text)
    figures = {"ids": list(range(count)), "ends": list(range(1, count + 1)), "logprobs": [-0.5] * count}
    verdict = {"correct": correct, "extracted": None, "reason": "as it is"}
    return {
        "text": text,
        "length": count,
        "finish_reason": "stop",
        "entropies": [0.3] * count,
        **figures,
        **verdict,
    } | more


def answered(user: User, *texts: str, models: int = 1) -> Question:
    """A question whose every model wrote these texts; those that have a 7 are right."""
    question = services.begin(user, config(len(texts), models), uuid.uuid4())
    answers = [[response(text, "7" in text) for text in texts] for _ in range(models)]
    Question.objects.filter(pk=question.pk).update(state=JobState.SUCCEEDED, answers=answers)
    question.refresh_from_db()
    return question
