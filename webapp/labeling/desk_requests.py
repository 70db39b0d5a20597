"""What a browser or a script sends to a desk, read from JSON or from a form; and errors in the form that it reads."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from django.db.models import TextChoices
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from pydantic import BaseModel, ConfigDict, ValidationError

from webapp.core.errors import UserError
from webapp.core.htmx import is_fragment
from webapp.labeling.choices import Mode
from webapp.labeling.label_form import value_of
from webapp.labeling.models import Assignment

Reason = TypeVar("Reason", bound=TextChoices)


class _Label(BaseModel):
    model_config = ConfigDict(extra="forbid")

    client_id: uuid.UUID
    value: Any
    comment: str = ""
    seconds: float = 0.0
    next: bool = True


@dataclass(frozen=True, slots=True)
class SentLabel:
    """A label as it was sent; ``wants_next`` unless nothing is to be reserved in turn."""

    client_id: uuid.UUID
    value: Any
    comment: str
    seconds: float
    wants_next: bool


def wants_json(request: HttpRequest) -> bool:
    """Whether the answer is to be JSON: asked for by ``Accept`` or ``?format=json``, or by a body in JSON."""
    if request.GET.get("format") == "json" or request.headers.get("accept", "").startswith("application/json"):
        return True
    return _sends_json(request) and not is_fragment(request)


def errors_as_asked(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Scripts and fetches get the sentence of a UserError as ``{"error": …}``; a plain form gets the usual page."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except UserError as error:
            if wants_json(request) or is_fragment(request):
                return JsonResponse({"error": error.message}, status=error.status)
            raise

    return guarded


def read_label(request: HttpRequest, assignment: Assignment) -> SentLabel:
    """The label in a request. Raises UserError when it cannot be read; `values` checks what it says."""
    if _sends_json(request):
        sent = read_json(request)
    else:
        project, form = assignment.project, request.POST.dict()
        value = value_of(Mode(project.mode), assignment.handles, project.rubric, form)
        sent = {name: form[name] for name in ("client_id", "comment", "seconds") if form.get(name)} | {"value": value}
    try:
        label = _Label.model_validate(sent)
    except ValidationError as error:
        found = error.errors()[0]
        where = ".".join(str(part) for part in found["loc"])
        raise UserError(f"This label cannot be read: {where}: {found['msg']}.") from error
    return SentLabel(label.client_id, label.value, label.comment, label.seconds, label.next)


def read_json(request: HttpRequest) -> dict[str, Any]:
    """The JSON object in the body. Raises UserError when there is none."""
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise UserError("The body of this request is no JSON.") from error
    if not isinstance(body, dict):
        raise UserError("The body of this request is no JSON object.")
    return body


def read_reason(request: HttpRequest, reasons: type[Reason]) -> tuple[Reason, str]:
    """``reason`` and ``comment``. Raises UserError for a reason that is none of ``reasons``."""
    sent = read_json(request) if _sends_json(request) else request.POST.dict()
    try:
        return reasons(str(sent.get("reason"))), str(sent.get("comment") or "")
    except ValueError as error:
        raise UserError(f"Choose a reason: {', '.join(reasons.values)}.") from error


def _sends_json(request: HttpRequest) -> bool:
    return request.content_type == "application/json"
