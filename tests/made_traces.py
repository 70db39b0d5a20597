"""Makes responses of several turns as a real run leaves them: text, masked tokens, turns, tool calls, times."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.factories import END_OF_TURN, PIECE, encode, make_group, make_run, token_columns
from training.events import FAILED_CALLS, TOKEN_ARRAYS
from training.token_classes import TOKEN_CLASSES, classify
from webapp.inspection.models import (
    Prompt,
    Rollout,
    RolloutGroup,
    RolloutText,
    RolloutTokens,
    RolloutTrace,
    Split,
    ToolCall,
)
from webapp.runs.models import Run

TURN_START = 2
SECONDS_A_TOKEN = 0.01
QUEUE_S, WALL_S = 0.05, 0.4


@dataclass(frozen=True)
class Made:
    """A call of a turn and what came of it. ``written`` replaces the JSON of a call that cannot be read."""

    code: str = ""
    status: str = "ok"
    stdout: str = ""
    value: str = ""
    error: str = ""
    stderr: str = ""
    written: str = ""
    name: str = "python"
    truncated: bool = False

    @property
    def block(self) -> str:
        call = self.written or json.dumps({"name": self.name, "arguments": {"code": self.code}})
        return f"<tool_call>{call}</tool_call>"

    @property
    def result(self) -> str:
        return "\n".join(part for part in (self.stdout.rstrip("\n"), self.value, self.error) if part) or "(no output)"


Turn = tuple[str, Sequence[Made]]
"""What the model says, and the calls it makes after it."""

FAILING = Made("total = 0\nfor i in range(3)\n    total += i\nprint(total)", "error",
               error="SyntaxError at line 2: expected ':'\n  for i in range(3)")  # fmt: skip
MENDED = Made("# mended\ntotal = sum(range(3))\nprint(f'total {total}')\ntotal * 2", stdout="total 3\n", value="6")
STUMBLES: list[Turn] = [
    ("<think>Let me add them up with a loop.", [FAILING]),
    ("But wait, the loop lacks a colon. Mend it and run it again.", [MENDED]),
    ("So it is 6.</think><answer>6</answer>", []),
]
CLEAN: list[Turn] = [
    ("<think>Let me add them up with a loop.", [MENDED]),
    ("So it is 6.</think><answer>6</answer>", []),
]
ALL_KINDS: list[Turn] = [
    ("Every way a call can go.", [
        Made("print(1)", stdout="1\n", stderr="a warning\n"), FAILING,
        Made("while True: pass", "timeout", error="TimeoutError: the program ran longer than 4 s"),
        Made("'x' * 10**12", "memory", error="MemoryError at line 1"),
        Made("x = 1", "infrastructure", error="Error when executing tool: no worker"),
    ]),
    ("And those that never ran.", [
        Made(written="{nul", status="malformed", error="Failed to decode tool call: Expecting property name"),
        Made("2+2", "unknown_tool", name="calculator", error="Error when executing tool: 'calculator'"),
        Made(written='{"name": "python", "arguments": "2+2"}', status="bad_arguments", error="Error: 'str'"),
        Made("x" * 400, truncated=True, value="9" * 400),
    ]),
    ("Enough.", [Made("print('nobody ran it')", "unanswered")]),
]  # fmt: skip


def make_agentic_run(*, roc: bool = False, **config: Any) -> Run:
    """A run whose responses may call tools; with ``roc``, one that learns from half of them."""
    method = {"kind": "grpo", "agentic": {"enabled": True}, "roc": {"enabled": roc}, "sampling": {"max_tokens": 600}}
    return make_run("agent", method=method, prompt={"tools": "template"}, **config)


def make_traced_group(
    run: Run,
    traces: Sequence[Sequence[Turn]] = (STUMBLES, CLEAN),
    *,
    rewards: Sequence[float] = (1.0, 0.0),
    left_out: Sequence[int] = (),
    **fields: Any,
) -> RolloutGroup:
    """A group with one response for each of ``traces``; ``left_out`` are places that the update leaves out."""
    group = make_group(run, rewards=rewards, texts=["?"] * len(rewards), **fields)
    kept = [reward for place, reward in enumerate(rewards) if place not in left_out]
    spread = float(np.std(kept, ddof=1)) if len(kept) > 1 else 0.0
    for place, (rollout, turns) in enumerate(zip(group.rollouts.order_by("index"), traces, strict=True)):
        rollout.selected = place not in left_out
        rollout.advantage = (rollout.reward - float(np.mean(kept))) / spread if spread and rollout.selected else 0.0
        rollout.extracted = "6" if "<answer>" in turns[-1][0] else None
        make_trace(rollout, turns)
    group.length_mean = float(np.mean([rollout.length for rollout in group.rollouts.all()]))
    group.save()
    return group


def make_trace(rollout: Rollout, turns: Sequence[Turn], **arrays: Any) -> Rollout:
    """Give a response its turns, in place of what text and tokens it has; ``arrays`` replaces token arrays by name."""
    RolloutText.objects.filter(rollout=rollout).delete()
    RolloutTokens.objects.filter(rollout=rollout).delete()
    writing = _Writing(rollout)
    for place, (said, calls) in enumerate(turns):
        writing.turn(said, calls, is_last=place == len(turns) - 1)
    writing.save(arrays)
    return rollout


class _Writing:
    """A response under way."""

    def __init__(self, rollout: Rollout) -> None:
        self.rollout = rollout
        self.pieces: list[str] = []
        self.ids: list[int] = []
        self.mask: list[int] = []
        self.turns: list[dict[str, Any]] = []
        self.calls: list[ToolCall] = []
        self.now = 0.0

    def turn(self, said: str, calls: Sequence[Made], *, is_last: bool) -> None:
        """What the model draws, and then what it reads."""
        start, began = len(self.pieces), self.now
        self._write(said + "".join(call.block for call in calls), drawn=1)
        self._mark(END_OF_TURN, drawn=1)
        entered = began + 0.1
        self.now = entered + SECONDS_A_TOKEN * (len(self.pieces) - start)
        self.turns.append(
            {"start": start, "end": len(self.pieces), "began": began, "entered": entered, "ended": self.now}
        )
        rows = [self._call(call) for call in calls]
        if is_last:
            return
        self.now = max([self.now, *(row.ended for row in rows)])
        self._mark(TURN_START)
        for call, row in zip(calls, rows, strict=True):
            self._write("tool\n")
            row.start_token = len(self.pieces)
            self._write(call.result)
            row.end_token = len(self.pieces)
        self._mark(END_OF_TURN)
        self._mark(TURN_START)
        self._write("assistant\n")

    def _call(self, made: Made) -> ToolCall:
        arguments = made.written or json.dumps({"code": made.code})
        if made.status == "bad_arguments":
            arguments = '"2+2"'
        ran = made.status in ("ok", "error", "timeout", "memory")
        row = ToolCall(
            run=self.rollout.run, rollout=self.rollout, step=self.rollout.step, split=self.rollout.split,
            index=len(self.calls), turn=len(self.turns) - 1, name="" if made.status == "malformed" else made.name,
            status=made.status, arguments=arguments, result=made.result, stdout=made.stdout, stderr=made.stderr,
            value=made.value, error=made.error, truncated=made.truncated, start_token=0, end_token=0, began=self.now,
            ended=self.now + (QUEUE_S + WALL_S if ran else 0), queue_s=QUEUE_S if ran else 0,
            wall_s=WALL_S if ran else 0,
        )  # fmt: skip
        self.calls.append(row)
        return row

    def _write(self, text: str, drawn: int = 0) -> None:
        pieces = PIECE.findall(text)
        self.pieces += pieces
        self.ids += [32 + sum(map(ord, piece)) % 480 for piece in pieces]
        self.mask += [drawn] * len(pieces)

    def _mark(self, token: int, drawn: int = 0) -> None:
        self.pieces.append("")
        self.ids.append(token)
        self.mask.append(drawn)

    def save(self, arrays: dict[str, Any]) -> None:
        """The rows."""
        rollout, text = self.rollout, "".join(self.pieces)
        advantage = rollout.advantage if rollout.split == Split.TRAIN else None
        columns = token_columns(self.pieces[:-1], advantage, seed=rollout.pk)
        drawn = np.array(self.mask) != 0
        for name, column in columns.items():
            if name not in ("id", "end"):
                columns[name] = np.where(drawn, column, 0)
        columns |= {"id": self.ids, "mask": self.mask} | arrays
        RolloutText.objects.create(rollout=rollout, text=text)
        RolloutTokens.objects.create(
            rollout=rollout, **{f"{name}_array": encode(name, columns.get(name)) for name in TOKEN_ARRAYS}
        )
        rollout.length = len(self.pieces)
        rollout.save()
        counts = classify(text, np.asarray(columns["end"]), columns["entropy"], self.mask).counts
        RolloutTrace.objects.create(
            rollout=rollout, ending="turns" if self.calls and self.calls[-1].status == "unanswered" else "answered",
            turn_count=len(self.turns), call_count=len(self.calls),
            failed_count=sum(call.status in FAILED_CALLS for call in self.calls),
            tool_tokens=int((~drawn).sum()), answers=text.count("<answer>"), seconds=self.now, turns=self.turns,
            **{f"{name}_tokens": counts[name] for name in TOKEN_CLASSES},
        )  # fmt: skip
        ToolCall.objects.bulk_create(self.calls)


def prompt_with_tools(run: Run) -> Prompt:
    """A prompt that tells of a tool, as the chat template renders it."""
    text = (
        "<|im_start|>tool\npython<|im_end|>\n<|im_start|>user\nWhat is 2 * (0+1+2)?<|im_end|>\n<|im_start|>assistant\n"
    )
    return Prompt.objects.create(run=run, problem_id="loop", text=text, answer="6")
