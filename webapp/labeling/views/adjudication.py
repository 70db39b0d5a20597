"""Pages that decide items in dispute: the queue, a decision, its withdrawal."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required, user_of
from webapp.core.errors import UserError
from webapp.labeling.adjudication import decide, in_own_order, withdraw
from webapp.labeling.adjudication_page import adjudication_page
from webapp.labeling.choices import AnnotationKind, Mode
from webapp.labeling.dispute_queue import asked_why, read_queue
from webapp.labeling.label_form import value_of
from webapp.labeling.models import Annotation, LabelItem, LabelProject
from webapp.labeling.views.common import get_project


@require_GET
@role_required(Role.VIEWER)
def adjudicate(request: HttpRequest, slug: str) -> HttpResponse:
    """The queue that ``why`` names, at ``item`` or its beginning."""
    project = get_project(slug)
    page = adjudication_page(project, asked_why(request.GET.get("why", "")), _number(request), user_of(request))
    context = {"project": project, "page": page, "tab": "adjudicate", "nav": "label", "client_id": uuid.uuid4()}
    return render(request, "labeling/adjudicate.html", context)


@require_POST
@role_required(Role.RESEARCHER)
def decide_item(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Store a decision, and go on to the next item of the queue."""
    project, item = _item(slug, number)
    why = asked_why(request.POST.get("why", ""))
    fields = request.POST.dict()
    handles = in_own_order(item, item.responses.count()).handles
    value = value_of(Mode(project.mode), handles, project.rubric, fields)
    _, after = read_queue(project, why).beside(number)
    decide(
        item, user_of(request), _client_id(fields.get("client_id", "")), value, fields.get("comment", ""),
        seen=_whole(fields.get("seen", "")), seconds=_seconds(fields.get("seconds", "")),
    )  # fmt: skip
    messages.success(request, f"Item {number} is decided.")
    return redirect(_address(project, why, number if why == "decided" else after))


@require_POST
@role_required(Role.RESEARCHER)
def withdraw_decision(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Take back the decision named by ``decision``, and show the item again."""
    project, item = _item(slug, number)
    decision = get_object_or_404(
        Annotation, pk=_whole(request.POST.get("decision", "")), item=item, kind=AnnotationKind.ADJUDICATED
    )
    withdraw(decision, user_of(request))
    messages.success(request, f"The decision on item {number} is withdrawn; its row stays.")
    return redirect(_address(project, asked_why(request.POST.get("why", "")), number))


def _item(slug: str, number: int) -> tuple[LabelProject, LabelItem]:
    project = get_project(slug)
    item = get_object_or_404(LabelItem, project=project, number=number)
    item.project = project
    return project, item


def _address(project: LabelProject, why: str, number: int | None) -> str:
    query = {"why": why} | ({"item": number} if number is not None else {})
    return f"{reverse('labeling:adjudicate', args=[project.slug])}?{urlencode(query)}"


def _number(request: HttpRequest) -> int | None:
    text = request.GET.get("item", "")
    if text and _whole(text) is None:
        raise UserError("In the address, item must be the number of an item.")
    return _whole(text)


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _client_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise UserError("This decision has no valid client_id. Reload the page.") from error
