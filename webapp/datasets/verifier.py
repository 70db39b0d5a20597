"""Asks the verifier for one verdict, in a process of its own: symbolic algebra must not be able to hang the web."""

import json
import subprocess
import sys
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any

from django.conf import settings

from webapp.core.errors import UserError

COMPARISON_SECONDS = 3.0
"""The default of ``RewardConfig.verifier_timeout_s``."""

HARD_LIMIT_SECONDS = 30.0
"""Covers starting Python and math-verify on a busy machine."""

_places = BoundedSemaphore(2)


@dataclass(frozen=True, slots=True)
class Checked:
    """A verdict, and the response in three parts: before the extracted answer, the answer, after it."""

    correct: bool | None
    extracted: str | None
    mark: str
    reason: str
    before: str
    found: str
    after: str
    version: str


def verify(response: str, answer: str) -> Checked:
    """Judge ``response`` exactly as training would. Raises UserError when it takes too long or two others are at it."""
    if not _places.acquire(timeout=COMPARISON_SECONDS):
        raise UserError("Two other answers are being verified. Try again in a few seconds.", status=503)
    try:
        verdict = _run(json.dumps({"response": response, "answer": answer}))
    finally:
        _places.release()
    start, end = verdict["start"] or 0, verdict["end"] or 0
    return Checked(
        correct=verdict["correct"],
        extracted=verdict["extracted"],
        mark=verdict["mark"] or "",
        reason=verdict["reason"],
        before=response[:start],
        found=response[start:end],
        after=response[end:],
        version=verdict["version"],
    )


def _run(request: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "training.rewards.check", "--timeout", str(COMPARISON_SECONDS)]
    try:
        done = subprocess.run(
            command, input=request, capture_output=True, text=True, cwd=settings.BASE_DIR, timeout=HARD_LIMIT_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"No verdict within {HARD_LIMIT_SECONDS:g} s. The machine is busy, or the answer is too hard to compare: "
            "in training such a response is not paid.",
            status=503,
        ) from error
    if done.returncode:
        raise UserError(f"The verifier ended with status {done.returncode}: {done.stderr.strip()[-300:]}", status=500)
    return dict(json.loads(done.stdout))
