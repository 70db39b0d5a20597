"""What a tool gave, and how the model is told."""

from dataclasses import dataclass
from typing import Literal

from training.events.traces import CallStatus

MARK = "...(truncated)..."
Cut = Literal["middle", "end", "beginning"]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of one tool call."""

    status: CallStatus
    stdout: str = ""
    stderr: str = ""
    value: str = ""
    """Of a last expression, or whatever a tool that prints nothing returns."""
    error: str = ""
    """One line: what went wrong."""
    queue_s: float = 0.0
    wall_s: float = 0.0


def could_not_run(status: CallStatus, why: str) -> ToolResult:
    """The result of a call that never ran, in the words of rStar2-Agent's release."""
    prefix = "Failed to decode tool call" if status == "malformed" else "Error when executing tool"
    return ToolResult(status, error=f"{prefix}: {why}")


def result_text(result: ToolResult) -> str:
    """What the model is shown: output and value as at a Python prompt; then, of a call that failed, what went wrong.

    No running time is told: what a response goes on with would depend on the clock.
    """
    parts = [result.stdout.rstrip("\n"), result.value]
    if result.status != "ok":
        parts.append(result.error or result.stderr.rstrip("\n") or result.status)
    elif not any(parts):
        parts.append(result.stderr.rstrip("\n") or "(no output)")
    return "\n".join(part for part in parts if part)


def shortened(text: str, limit: int, cut: Cut) -> tuple[str, bool]:
    """At most `limit` characters of a text and a mark where others are missing; whether any are."""
    if len(text) <= limit:
        return text, False
    if cut == "end":
        return text[:limit] + "...(truncated)", True
    if cut == "beginning":
        return "(truncated)..." + text[-limit:], True
    head = limit // 2
    return text[:head] + MARK + text[len(text) - (limit - head) :], True
