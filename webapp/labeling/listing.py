"""The list of label projects, with how far each is."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, F, PositiveIntegerField, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Least

from webapp.accounts.models import Role, User
from webapp.core.paging import keyset_page
from webapp.labeling.choices import AssignmentState
from webapp.labeling.models import Assignment, LabelItem, LabelProject


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project as the list shows it to one user."""

    project: LabelProject
    may_label: bool
    items: int
    complete: int
    """Items with all labels that are wanted of them."""
    labels: int
    """Without those beyond what was wanted."""
    wanted: int
    own: int
    """Labels of this user, repeats not counted."""


@dataclass(frozen=True, slots=True)
class ProjectList:
    """A page of the list; ``next_cursor`` is empty on the last."""

    rows: list[ProjectRow]
    next_cursor: str


def visible_projects(user: User) -> QuerySet[LabelProject]:
    """Projects that ``user`` may know of: all for those who see pages, for labelers those they may label in."""
    if user.has_role(Role.VIEWER):
        return LabelProject.objects.all()
    return LabelProject.objects.filter(Q(everyone=True) | Q(pk__in=user.label_projects.values("pk")))


def read_list(user: User, asked: Mapping[str, str]) -> ProjectList:
    """The page of the list that an address asks for, newest first. Raises UserError for a damaged address."""
    projects = visible_projects(user).defer("instructions", "rubric")
    page = keyset_page(projects, by="id", descending=True, cursor=asked.get("after", ""))
    counts, own = _counts(page.rows), _own(page.rows, user)
    labels_anywhere = user.has_role(Role.LABELER)
    chosen = set(user.label_projects.filter(pk__in=[each.pk for each in page.rows]).values_list("pk", flat=True))
    rows = [
        ProjectRow(
            project,
            may_label=labels_anywhere and (project.everyone or project.pk in chosen),
            own=own.get(project.pk, 0),
            **counts.get(project.pk, {"items": 0, "complete": 0, "labels": 0, "wanted": 0}),
        )
        for project in page.rows
    ]
    return ProjectList(rows, page.next_cursor)


def _counts(projects: list[LabelProject]) -> dict[int, dict[str, int]]:
    items = LabelItem.objects.filter(project__in=projects, set_aside=False).annotate(
        goal=Coalesce("wanted", "project__overlap")
    )
    counted = (
        items.order_by()
        .values("project")
        .annotate(
            items=Count("pk"),
            complete=Count("pk", filter=Q(submitted__gte=F("goal"))),
            labels=Sum(Least("submitted", "goal", output_field=PositiveIntegerField())),
            all_wanted=Sum("goal"),
        )
    )
    return {
        row["project"]: {name: row[name] for name in ("items", "complete", "labels")} | {"wanted": row["all_wanted"]}
        for row in counted
    }


def _own(projects: list[LabelProject], user: User) -> dict[int, int]:
    own = Assignment.objects.filter(project__in=projects, annotator=user, state=AssignmentState.SUBMITTED)
    counted = own.filter(repeat_of=None).order_by().values("project").annotate(count=Count("pk"))
    return dict(counted.values_list("project", "count"))
