"""Pages that make items of what runs produced: say what, see how much there is and one of them, add them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required
from webapp.core.errors import UserError
from webapp.labeling.choices import Mode
from webapp.labeling.items import add_items, last_number
from webapp.labeling.models import LabelProject
from webapp.labeling.sources import rollouts, trees
from webapp.labeling.sources.drawing import Drawn
from webapp.labeling.sources.forms import DrawForm, RolloutsForm, TreesForm
from webapp.labeling.views.common import get_project, number_of


@role_required(Role.RESEARCHER)
def from_run(request: HttpRequest, slug: str) -> HttpResponse:
    """Groups of rollouts; a POST adds what the page showed."""
    project = get_project(slug)
    if project.mode == Mode.TREE_STEP:
        raise UserError("This project asks for steps of search trees, and takes no whole responses.", status=409)
    form = RolloutsForm(project, _given(request))
    drawn = rollouts.draw(project, form.asked()) if form.is_valid() else None
    context = {"title": "Items from rollouts", "what": "group", "runs_of": "rollouts"}
    return _answer(request, project, form, drawn, context)


@role_required(Role.RESEARCHER)
def from_trees(request: HttpRequest, slug: str) -> HttpResponse:
    """Nodes of search trees; a POST adds what the page showed."""
    project = get_project(slug)
    if project.mode != Mode.TREE_STEP:
        raise UserError("Only a project that asks for the best next step takes steps of search trees.", status=409)
    form = TreesForm(project, _given(request))
    drawn = trees.draw(project, form.asked()) if form.is_valid() else None
    context = {"title": "Items from search trees", "what": "node", "runs_of": "search trees"}
    return _answer(request, project, form, drawn, context)


def _given(request: HttpRequest) -> dict[str, str] | None:
    """What was entered, if anything was."""
    sent = request.POST if request.method == "POST" else request.GET
    return sent.dict() if "run" in sent else None


def _answer(
    request: HttpRequest, project: LabelProject, form: DrawForm, drawn: Drawn | None, context: dict[str, str]
) -> HttpResponse:
    if request.method == "POST":
        if drawn is None:
            raise UserError("What was asked for cannot be read any more. Look at it again before adding it.")
        if drawn.matching != number_of(request, "matching"):
            # Other items would be drawn of what there is now than the page showed.
            found = f"{drawn.matching:,} {context['what']}s match by now"
            raise UserError(f"{found}: the run has changed. Look again, or say up to which step.", status=409)
        count = add_items(project, drawn.drafts, after=number_of(request, "after"))
        messages.success(request, f"{count:,} {'item is' if count == 1 else 'items are'} added.")
        return redirect("labeling:items", project.slug)
    page = {"project": project, "form": form, "drawn": drawn, "after": last_number(project), "nav": "label"}
    return render(request, "labeling/source.html", page | context)
