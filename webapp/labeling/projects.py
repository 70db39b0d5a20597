"""What changes label projects: create one, change how many labels it wants, and who may label in it."""

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from webapp.accounts.models import Role, User
from webapp.core.errors import UserError
from webapp.labeling.choices import Mode
from webapp.labeling.counters import recount
from webapp.labeling.models import LabelProject
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
def choose_labelers(project: LabelProject, labelers: Iterable[User] | None) -> None:
    """Let these users label, or all labelers (None). Labels that others gave stay."""
    _choose(project, labelers)


@transaction.atomic
def change_overlap(project: LabelProject, overlap: int) -> None:
    """Want another number of labels an item. Labels beyond it stay. Raises UserError for a number out of range."""
    project.overlap = overlap
    _check_numbers(project)
    project.save(update_fields=["overlap"])
    # All locks first: counters are computed from what is there once nobody changes it any more.
    recount(list(project.items.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True)))


def may_label(project: LabelProject, user: User) -> bool:
    """Whether ``user`` may be given items."""
    if not user.has_role(Role.LABELER):
        return False
    return project.everyone or project.labelers.filter(pk=user.pk).exists()


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
