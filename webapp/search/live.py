"""The trees that grow now, for the page of their run: only when something is newer than the page has."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from webapp.inspection.prefixes import Frame, frame_of
from webapp.inspection.prompts import LISTED_CHARACTERS, prompt_frame
from webapp.inspection.visible import visible
from webapp.runs.models import Run
from webapp.search.evidence import StepTrees, trees_of_step
from webapp.search.models import LiveTree, SearchTree

COLUMNS = ("parent", "depth", "status")
"""Of the columns of a glimpse, those that are drawn."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What a run's trees look like at a moment."""

    run: Run
    trees: list[LiveTree]
    last_step: int | None
    """The newest step whose trees are stored."""

    @property
    def cursor(self) -> str:
        """Differs whenever a page would look different."""
        seen = max((tree.updated_at.timestamp() for tree in self.trees), default=0.0)
        step = self.trees[0].step if self.trees else ""
        return f"{self.run.rewinds}.{step}.{seen:.6f}.{self.last_step}.{self.run.status}.{self.run.phase}"


def read_glimpse(run: Run) -> Glimpse:
    stored = SearchTree.objects.filter(run=run, split="train").order_by("-id").values_list("step", flat=True)
    return Glimpse(run, list(LiveTree.objects.filter(run=run)), stored.first())


def as_json(glimpse: Glimpse) -> dict[str, Any]:
    """Everything the page's script draws."""
    run, trees = glimpse.run, glimpse.trees
    counts = trees[0].tree if trees else {}
    frame = _frame(run, trees)
    return {
        "cursor": glimpse.cursor,
        "terminal": run.state.is_terminal,
        "phase": run.phase,
        "step": trees[0].step if trees else None,
        "live": counts.get("live", len(trees)),
        "done": counts.get("done"),
        "wanted": run.config["method"]["sampling"]["samples_per_prompt"] if run.method == "deepsearch" else None,
        "trees": [_tree(tree, frame) for tree in trees],
        "finished": _finished(run, glimpse.last_step),
    }


def _frame(run: Run, trees: list[LiveTree]) -> Frame:
    """What the run's template writes around its problems; in the first step, as the growing trees themselves tell."""
    if not trees:
        return Frame()
    stored = prompt_frame(run)
    return frame_of([row.tree["prompt"] for row in trees]) if stored == Frame() else stored


def _tree(row: LiveTree, frame: Frame) -> dict[str, Any]:
    tree = row.tree
    problem = frame.split(tree["prompt"])[1][:LISTED_CHARACTERS]
    shown = {name: tree[name] for name in ("index", "problem_id", "nodes", "tokens", "recorded", "solved")}
    return shown | {"problem": visible(problem), "columns": {name: tree["columns"][name] for name in COLUMNS}}


def _finished(run: Run, step: int | None) -> dict[str, Any] | None:
    if step is None:
        return None
    counts: StepTrees = trees_of_step(run, step, "train")
    address = f"{reverse('search:trees', args=[run.pk])}?step={step}&split=train"
    return {"step": step, "trees": counts.trees, "solved": counts.solved, "address": address}
