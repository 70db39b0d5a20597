"""What changes label projects: create, change, close and delete them, and choose who labels in them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count
from django.utils.text import slugify

from webapp.accounts.models import Role, User
from webapp.core.errors import UserError
from webapp.labeling.choices import Mode
from webapp.labeling.counters import recount
from webapp.labeling.items import RESPONSES
from webapp.labeling.models import Annotation, Draft, LabelProject
from webapp.labeling.values import check_rubric

RESERVED_SLUGS = frozenset({"new", "preview"})
"""Addresses of this app that stand where a project's slug stands."""
MOST_OVERLAP = 50
LONGEST_RESERVATION = 24 * 60


def create_project(
    name: str,
    mode: Mode,
    *,
    user: User,
    rubric: Iterable[dict[str, Any]] = (),
    labelers: Iterable[User] | None = None,
    **settings: Any,
) -> LabelProject:
    """A new project; ``settings`` are further fields of `LabelProject`. ``labelers`` None: all labelers may label.

    Raises UserError when a setting makes no sense or the name is taken.
    """
    slug = slugify(name)[:80]
    if not slug:
        raise UserError("A name needs a letter or a digit.")
    if slug in RESERVED_SLUGS:
        raise UserError(f"No project can be called {name}: a page has that address.")
    project = LabelProject(slug=slug, name=name.strip()[:120], mode=mode, created_by=user, **settings)
    project.rubric = check_rubric(mode, list(rubric))
    _check_numbers(project)
    try:
        with transaction.atomic():
            project.save()
            _choose(project, labelers)
    except IntegrityError as error:
        raise UserError(f"There is a project called {name} already.", status=409) from error
    return project


@transaction.atomic
def change_project(
    project: LabelProject, *, rubric: Iterable[dict[str, Any]], labelers: Iterable[User] | None, **settings: Any
) -> None:
    """Store other settings; ``settings`` are fields of `LabelProject`, the rest is as for `create_project`.

    The address stays, whatever the name. Raises UserError when a setting makes no sense, and (409) for another mode or
    other criteria once there are labels, which would mean something else then, or for a mode that the items do not fit.
    """
    before = LabelProject.objects.select_for_update(no_key=True).get(pk=project.pk)
    for name, value in settings.items():
        setattr(project, name, value)
    project.rubric = check_rubric(project.mode, list(rubric))
    _check_numbers(project)
    asks_anew = project.mode != before.mode or _scales(project) != _scales(before)
    if asks_anew or project.overlap != before.overlap:
        items = _lock_items(project)
        if asks_anew:
            _check_labels_and_items(project, before)
            Draft.objects.filter(assignment__project=project).delete()
    project.save(update_fields=["rubric", *settings])
    _choose(project, labelers)
    if project.overlap != before.overlap:
        recount(items)


def open_project(project: LabelProject, is_open: bool) -> None:
    """Open a project, or close it: nobody is given items any more; labels in the making are taken all the same."""
    project.is_open = is_open
    project.save(update_fields=["is_open"])


@transaction.atomic
def delete_project(project: LabelProject, typed: str = "") -> None:
    """Delete a project with its items and labels. Raises UserError unless ``typed`` is its name, once it has labels."""
    # Whoever labels waits meanwhile, and finds it gone: a row that came while others are deleted would undo it all.
    list(LabelProject.objects.select_for_update(no_key=True).filter(pk=project.pk).values_list("pk"))
    list(project.turns.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    _lock_items(project)
    if has_labels(project) and " ".join(typed.split()) != " ".join(project.name.split()):
        raise UserError(f"Type the name of the project, {project.name}, to delete its labels.")
    project.delete()


@dataclass(frozen=True, slots=True)
class Lost:
    """What goes with a project."""

    items: int
    labels: int
    labelers: int


def what_is_lost(project: LabelProject) -> Lost:
    """What deleting a project would delete."""
    labels = Annotation.objects.filter(item__project=project, withdrawn_at=None)
    return Lost(project.items.count(), labels.count(), labels.order_by().values("annotator").distinct().count())


def has_labels(project: LabelProject) -> bool:
    """Whether a label was ever given, withdrawn ones included."""
    return Annotation.objects.filter(item__project=project).exists()


@transaction.atomic
def choose_labelers(project: LabelProject, labelers: Iterable[User] | None) -> None:
    """Let these users label, or all labelers (None). Labels that others gave stay."""
    _choose(project, labelers)


@transaction.atomic
def change_overlap(project: LabelProject, overlap: int) -> None:
    """Want another number of labels an item. Labels beyond it stay. Raises UserError for a number out of range."""
    project.overlap = overlap
    _check_numbers(project)
    project.save(update_fields=["overlap"])
    recount(_lock_items(project))


def may_label(project: LabelProject, user: User) -> bool:
    """Whether ``user`` may be given items."""
    if not user.has_role(Role.LABELER):
        return False
    return project.everyone or project.labelers.filter(pk=user.pk).exists()


def _lock_items(project: LabelProject) -> list[int]:
    """All items, locked: counters are computed from what is there once nobody changes it any more."""
    return list(project.items.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))


def _scales(project: LabelProject) -> list[tuple[str, int, int]]:
    """What labels say about: the criteria, without their wording."""
    return [(each["key"], each["lowest"], each["highest"]) for each in project.rubric]


def _check_labels_and_items(project: LabelProject, before: LabelProject) -> None:
    if has_labels(project):
        what = "criteria can only be reworded" if project.mode == before.mode else "mode stays"
        raise UserError(f"The {what}: labels were given already. Make a new project instead.", status=409)
    fewest, most = RESPONSES[Mode(project.mode)]
    misfits = project.items.annotate(count=Count("responses")).exclude(count__range=(fewest, most)).count()
    if misfits:
        wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        raise UserError(
            f"{misfits} items do not fit: this mode takes {wanted} responses an item. Make a new project instead.",
            status=409,
        )


def _choose(project: LabelProject, labelers: Iterable[User] | None) -> None:
    project.everyone = labelers is None
    project.save(update_fields=["everyone"])
    project.labelers.set(labelers or [])


def _check_numbers(project: LabelProject) -> None:
    if not 1 <= project.overlap <= MOST_OVERLAP:
        raise UserError(f"An item takes 1 to {MOST_OVERLAP} labels.")
    if not 1 <= project.reservation_minutes <= LONGEST_RESERVATION:
        raise UserError(f"A reservation lasts 1 to {LONGEST_RESERVATION} minutes.")
    if project.mirror_every == 1 or not 0 <= project.mirror_every <= 1000:
        raise UserError("Every second to every 1,000th item can be a repeat, or none (0).")
