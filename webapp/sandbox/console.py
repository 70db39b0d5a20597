"""The console: a program, where it comes from, and what it may use."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from django import forms
from django.db import transaction
from django.http import QueryDict

from training.agent.python_tool import limits_of
from training.config import AgenticConfig
from training.sandbox.types import Limits
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.inspection.models import ToolCall
from webapp.sandbox.models import ConsoleCall
from workers import queue

MOST_PROGRAM, MOST_STDIN = 100_000, 1_000_000
EXAMPLE = "from sympy import factorint\n\nprint(factorint(2**64 - 1))\n"


class ConsoleForm(forms.Form):
    """What the browser sends."""

    program = forms.CharField(max_length=MOST_PROGRAM, strip=False, label="Program")
    stdin = forms.CharField(max_length=MOST_STDIN, strip=False, required=False, label="Input")
    call = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)

    def clean_program(self) -> str:
        return _unix(self.cleaned_data["program"])

    def clean_stdin(self) -> str:
        return _unix(self.cleaned_data["stdin"])


@dataclass(frozen=True, slots=True)
class Console:
    """What stands in it when the page opens."""

    program: str
    stdin: str
    limits: Limits
    source: ToolCall | None = None
    ran: ConsoleCall | None = None
    note: str = ""
    """What could not be filled in."""


def open_console(asked: QueryDict) -> Console:
    """As the address says: ``run``, a program that was run here; ``call``, a call of a response; else an example.

    Raises UserError when there is no such thing.
    """
    if "run" in asked:
        ran = ConsoleCall.objects.select_related("created_by").filter(pk=_number(asked.get("run", ""))).first()
        if ran is None:
            raise UserError("There is no such run of the console, or it was dropped as one of the oldest.", status=404)
        source = ToolCall.objects.select_related("run").filter(pk=ran.source).first() if ran.source else None
        return Console(ran.program, ran.stdin, Limits(**ran.limits), source, ran)
    if "call" in asked:
        source = ToolCall.objects.select_related("run").filter(pk=_number(asked.get("call", ""))).first()
        if source is None:
            raise UserError("There is no such tool call; its run may have been removed.", status=404)
        note = "" if source.code is not None else "No program could be read off the arguments of this call."
        return Console(source.code or "", stdin_of(source), limits_for(source), source, note=note)
    return Console(EXAMPLE, "", limits_for(None))


def limits_for(source: ToolCall | None) -> Limits:
    """Those of the run that the call belongs to; else those of a run that sets none."""
    chosen: dict[str, Any] = {}
    if source is not None:
        chosen = (source.run.config.get("method") or {}).get("agentic") or {}
    known = {name: chosen[name] for name in ("tool_seconds", "tool_memory_mib") if name in chosen}
    return limits_of(AgenticConfig.model_validate(known))


def stdin_of(source: ToolCall) -> str:
    """The input it gave along."""
    if source.code is None:
        return ""
    given = json.loads(source.arguments).get("input", "")
    return given if isinstance(given, str) else ""


@transaction.atomic
def ask(form: ConsoleForm, user: User) -> ConsoleCall:
    """Have a worker run what a valid form says. Raises UserError when the broker is away."""
    number = form.cleaned_data["call"]
    source = ToolCall.objects.select_related("run").filter(pk=number).first() if number else None
    row = ConsoleCall.objects.create(
        program=form.cleaned_data["program"],
        stdin=form.cleaned_data["stdin"],
        limits=asdict(limits_for(source)),
        source=source.pk if source else None,
        created_by=user,
    )
    queue.run_console_call(row.pk)
    return row


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _unix(text: str) -> str:
    """Browsers send every line break as two characters."""
    return text.replace("\r\n", "\n")
