"""Labels of a project as runs learn from them: what there is, and the file that a run is given."""

import json
import secrets
from pathlib import Path

from django.db.models import Count, Exists, OuterRef

from webapp.core.errors import UserError
from webapp.labeling.choices import AnnotationKind, Mode
from webapp.labeling.exports.records import rankings
from webapp.labeling.models import Annotation, LabelItem, LabelProject
from webapp.runs.label_sources import LabelFacts

MOST_OFFERED = 200


def label_facts(slug: str) -> LabelFacts | None:
    """What a project holds to learn from; None when there is no such project."""
    project = LabelProject.objects.filter(slug=slug).first()
    if project is None:
        return None
    if reason := _why_not(project):
        return LabelFacts(error=reason)
    labels = Annotation.objects.filter(item__project=project, item__set_aside=False, withdrawn_at=None)
    labels = labels.exclude(kind=AnnotationKind.REPEAT)
    counts = labels.aggregate(labels=Count("pk"), prompts=Count("item", distinct=True))
    if not counts["labels"]:
        return LabelFacts(error=f"{project.name} has no labels yet.")
    return LabelFacts(counts["labels"], counts["prompts"])


def project_names() -> dict[str, str]:
    """Projects whose labels can be learned from, the newest first: short name → name."""
    labeled = LabelItem.objects.filter(project=OuterRef("pk"), submitted__gt=0, set_aside=False)
    fitting = LabelProject.objects.exclude(mode=Mode.TREE_STEP).filter(Exists(labeled))
    return dict(fitting.values_list("slug", "name")[:MOST_OFFERED])


def write_rankings(slug: str, path: Path) -> int:
    """Write a project's rankings to a file, all or nothing, and return how many labels these are.

    Labels of single responses order nothing and are left out. Raises UserError when the project is gone, is of a mode
    that does not fit, or has no labels.
    """
    project = LabelProject.objects.filter(slug=slug).first()
    if project is None:
        raise UserError(f"the labeling project {slug!r} is gone")
    if reason := _why_not(project):
        raise UserError(reason)
    draft, count = path.with_name(f"{path.name}.{secrets.token_hex(4)}"), 0
    try:
        with draft.open("w", encoding="utf-8") as file:
            for record in rankings(project):
                if len(record["responses"]) > 1:
                    file.write(json.dumps(record, ensure_ascii=False) + "\n")
                    count += 1
        if not count:
            raise UserError(f"{project.name} has no labels that compare responses yet")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return count


def _why_not(project: LabelProject) -> str:
    """Why nothing can be learned from a project's labels, whatever they say; empty when it can."""
    if project.mode == Mode.TREE_STEP:
        return f"The labels of {project.name} judge single steps of a tree, not whole responses."
    return ""
