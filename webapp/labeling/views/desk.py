"""The desk where a labeler works: one item after another.

All addresses begin with ``/label/<project>/desk/``. Whoever may not label gets 403. A script sends and receives JSON:
it logs in, opens the desk once (which sets the cookie ``csrftoken``), and sends that as header ``X-CSRFToken`` beside a
body of ``Content-Type: application/json``.

=====  ==========================  =====================================================================
GET    ``?format=json``            the desk, with the next item reserved
POST   ``next/``                   the same
POST   ``<assignment>/submit/``    label it: ``{client_id, value, comment?, seconds?, next?}`` → the desk
POST   ``<assignment>/draft/``     keep what is entered: ``{value, comment?, seconds?}`` → ``{saved_at}``
POST   ``<assignment>/skip/``      pass it on: ``{reason, comment?}`` (`SkipReason`) → the desk
POST   ``<assignment>/flag/``      something is wrong with it: ``{reason, comment?}`` (`FlagReason`) → ``{flagged}``
POST   ``undo/``                   take the last label back → the desk with that item, filled in as it was; not where
                                   it was told who wrote what
GET    ``<assignment>/difference/``  ``?left=HANDLE&right=HANDLE``: two of its responses compared, as HTML
=====  ==========================  =====================================================================

``value`` is what `values` describes for each mode, in terms of handles. ``client_id`` is a UUID made by the client for
this label: the same one sent again, after a lost answer say, is the same label and gets the same answer. With
``"next": false`` nothing is reserved and the answer is ``{"stored": true}``.

The desk: ``{state, item, progress, free_at, revealed}``. ``state`` is one of `DeskState`; with ``item``, ``item`` is
``{assignment, mode, rubric, prompt, responses: [{handle, text}, …], draft, reserved_until}``; with ``revealed``, the
label is in and ``revealed`` tells ``[{letter, handle, source, correct, reward}, …]`` in the order shown, and POST
``next/`` goes on. ``progress`` has one's own counts (``submitted``, ``skipped``, ``repeats``, ``left``, ``per_hour``)
and those of all (``items``, ``complete``, ``labels``, ``wanted``).

Errors are ``{"error": sentence}``: 400 for what cannot be read, 403 for what is not yours, 404 for what is not there,
409 where it comes too late (labeled or skipped meanwhile, a closed project). Forms without scripts post the fields of
`label_form` and are led back to the desk.
"""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required, user_of
from webapp.core import markdown
from webapp.core.errors import UserError
from webapp.core.htmx import is_fragment
from webapp.inspection.differences import difference, words_of
from webapp.labeling import answers
from webapp.labeling.choices import FlagReason, SkipReason
from webapp.labeling.desk_page import Desk, DeskState, after_label, desk_of
from webapp.labeling.desk_requests import errors_as_asked, read_json, read_label, read_reason, wants_json
from webapp.labeling.label_form import LETTERS
from webapp.labeling.models import Annotation, Assignment, LabelProject
from webapp.labeling.showing import cards
from webapp.labeling.values import sent_value

DRAFT_KEYS = ("value", "comment", "seconds")


@require_GET
@never_cache
@ensure_csrf_cookie
@errors_as_asked
@role_required(Role.LABELER)
def work(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The desk."""
    desk = desk_of(get_object_or_404(LabelProject, slug=slug), user_of(request))
    if wants_json(request):
        return _as_json(desk)
    return _page(request, desk)


@require_POST
@errors_as_asked
@role_required(Role.LABELER)
def next_item(request: HttpRequest, slug: str) -> HttpResponseBase:
    project = get_object_or_404(LabelProject, slug=slug)
    return _desk(request, desk_of(project, user_of(request)))


@require_POST
@errors_as_asked
@role_required(Role.LABELER)
def submit(request: HttpRequest, slug: str, assignment_id: int) -> HttpResponseBase:
    assignment, user = _own(request, slug, assignment_id), user_of(request)
    sent = read_label(request, assignment)
    answers.submit(assignment, user, sent.client_id, sent.value, sent.seconds, sent.comment)
    if not sent.wants_next:
        return JsonResponse({"stored": True})
    return _desk(request, after_label(assignment, user))


@require_POST
@errors_as_asked
@role_required(Role.LABELER)
def draft(request: HttpRequest, slug: str, assignment_id: int) -> HttpResponseBase:
    assignment = _own(request, slug, assignment_id)
    entered = {key: each for key, each in read_json(request).items() if key in DRAFT_KEYS}
    return JsonResponse({"saved_at": answers.save_draft(assignment, user_of(request), entered).saved_at})


@require_POST
@errors_as_asked
@role_required(Role.LABELER)
def skip(request: HttpRequest, slug: str, assignment_id: int) -> HttpResponseBase:
    assignment, user = _own(request, slug, assignment_id), user_of(request)
    reason, comment = read_reason(request, SkipReason)
    answers.skip(assignment, user, reason, comment)
    return _desk(request, desk_of(assignment.project, user))


@require_POST
@errors_as_asked
@role_required(Role.LABELER)
def flag(request: HttpRequest, slug: str, assignment_id: int) -> HttpResponseBase:
    assignment = _own(request, slug, assignment_id)
    reason, comment = read_reason(request, FlagReason)
    made = answers.flag(assignment, user_of(request), reason, comment)
    return JsonResponse({"flagged": made.reason})


@require_POST
@errors_as_asked
@role_required(Role.LABELER)
def undo(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Take the last label back; its item comes back filled in as it was labeled."""
    project, user = get_object_or_404(LabelProject, slug=slug), user_of(request)
    again = answers.undo_last(user, project)
    if again is None:
        raise UserError("There is no label of yours to take back.", status=409)
    of_item = Annotation.objects.filter(item=again.item_id, annotator=user)
    taken = of_item.filter(withdrawn_at__isnull=False).latest("withdrawn_at")
    again.project = project
    entered = {"value": sent_value(again, taken.value), "comment": taken.comment, "seconds": taken.seconds}
    answers.save_draft(again, user, entered)
    return _desk(request, desk_of(project, user))


@require_GET
@errors_as_asked
@role_required(Role.LABELER)
def compared(request: HttpRequest, slug: str, assignment_id: int) -> HttpResponseBase:
    """What sets two responses of an item apart, word by word."""
    shown = {card.handle: (letter, card.text) for letter, card in _lettered(_own(request, slug, assignment_id))}
    try:
        left, right = (shown[request.GET.get(side, "")] for side in ("left", "right"))
    except KeyError as error:
        raise UserError("This response is not one of those shown. Reload the page.", status=404) from error
    page = {"difference": difference(words_of(left[1]), words_of(right[1]))}
    return render(request, "labeling/desk_difference.html", {"page": page, "left": left[0], "right": right[0]})


def _own(request: HttpRequest, slug: str, assignment_id: int) -> Assignment:
    """An assignment of whoever asks. Raises UserError (403) for another's."""
    found = Assignment.objects.select_related("project", "item")
    assignment = get_object_or_404(found, pk=assignment_id, project__slug=slug)
    if assignment.annotator_id != user_of(request).pk:
        raise UserError("This item was given to somebody else.", status=403)
    return assignment


def _lettered(assignment: Assignment) -> list[tuple[str, Any]]:
    return list(zip(LETTERS, cards(assignment), strict=False))


def _desk(request: HttpRequest, desk: Desk) -> HttpResponse:
    """The desk as JSON, as a fragment, or, after a form without scripts, as the page that it leads to."""
    if wants_json(request):
        return _as_json(desk)
    if is_fragment(request):
        return render(request, "labeling/desk_item.html", _context(desk))
    return _page(request, desk) if desk.state == DeskState.REVEALED else redirect("labeling:desk", desk.project.slug)


def _as_json(desk: Desk) -> HttpResponse:
    if desk.state == DeskState.NOT_ALLOWED:
        raise UserError(f"You are not among those who label {desk.project.name}.", status=403)
    return JsonResponse(desk.as_json())


def _page(request: HttpRequest, desk: Desk) -> HttpResponse:
    status = 403 if desk.state == DeskState.NOT_ALLOWED else 200
    context = _context(desk) | {"guidelines": markdown.render(desk.project.instructions)}
    return render(request, "labeling/desk.html", context, status=status)


def _context(desk: Desk) -> dict[str, Any]:
    return {
        "nav": "label",
        "desk": desk,
        "project": desk.project,
        "item": desk.assignment and desk.assignment.item,
        "client_id": uuid.uuid4(),
        "skip_reasons": SkipReason.choices,
        "flag_reasons": FlagReason.choices,
    }
