"""A recipe's stages as a timeline: where each stands, what it began from, how long it waited and trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from webapp.recipes.chain import Link, dependents_of
from webapp.recipes.models import RecipeRun, StageRun
from webapp.recipes.status import RecipeState
from webapp.runs.models import Run, method_title
from webapp.runs.progress import Progress, progress_of, seconds_taken

WIDTH = 1000
"""Of a bar's drawing; pages stretch it."""
THINNEST = 4
"""So wide is drawn whatever took any time."""


@dataclass(frozen=True, slots=True)
class Mood:
    """How a stage stands, as icon, word and colour."""

    icon: str
    label: str
    tone: str


OUTDATED = Mood("↻", "Outdated", "warn")
WAITING = Mood("◷", "Waiting", "muted")
PLANNED = Mood("✎", "Planned", "muted")
NOT_BEGUN = Mood("✕", "Could not begin", "bad")


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that a run waited for a worker, and between its first start and its end or now."""

    waited: float
    trained: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of the drawing: ``wait``, or ``run`` or ``done`` for training."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Row:
    """One stage."""

    link: Link
    mood: Mood
    times: Times | None
    """Of the attempt that counts."""
    bars: tuple[Bar, ...]
    progress: Progress | None
    plan: tuple[str, ...]
    """What it takes from earlier stages, in words; empty for nothing."""
    follow: tuple[str, ...]
    """Names of later stages that have begun and are trained anew when it is."""

    @property
    def method(self) -> str:
        return method_title(self.link.stage.run.method.kind)

    @property
    def colour(self) -> int:
        """Number of its curve's colour."""
        return (self.link.number - 1) % 8 + 1

    @property
    def earlier(self) -> list[StageRun]:
        """Attempts that count no more, the newest first."""
        return [attempt for attempt in reversed(self.link.attempts) if attempt.outdated]


def rows_of(recipe_run: RecipeRun, links: Sequence[Link], now: datetime) -> list[Row]:
    """Bars lie one after the other; all together fill the width."""
    times = [times_of(link.run, now) if link.run else None for link in links]
    whole = sum(each.waited + each.trained for each in times if each) or 1.0
    rows, at = [], 0.0
    for link, each in zip(links, times, strict=True):
        bars = _bars(link, each, at, WIDTH / whole) if each else ()
        at += (each.waited + each.trained) * WIDTH / whole if each else 0.0
        progress = progress_of(link.run, now) if link.run else None
        rows.append(Row(link, _mood(recipe_run, link), each, bars, progress, _plan(link), _following(link, links)))
    return rows


def times_of(run: Run, now: datetime) -> Times:
    """Of one run; the pauses of one that was resumed count for nothing."""
    began = run.started_at or run.ended_at or now
    return Times(max(0.0, (began - run.created_at).total_seconds()), seconds_taken(run, now) or 0.0)


def _bars(link: Link, times: Times, at: float, scale: float) -> tuple[Bar, ...]:
    kinds = (("wait", times.waited), ("done" if link.is_done else "run", times.trained))
    bars = []
    for kind, seconds in kinds:
        if seconds:
            width = max(seconds * scale, THINNEST)
            bars.append(Bar(kind, round(min(at, WIDTH - width), 1), round(width, 1)))
        at += seconds * scale
    return tuple(bars)


def _mood(recipe_run: RecipeRun, link: Link) -> Mood:
    if link.run:
        state = link.run.state
        return Mood(state.icon, state.label, state.tone)
    if recipe_run.failed_stage == link.stage.name and recipe_run.stands == RecipeState.FAILED:
        return NOT_BEGUN
    if link.attempts:
        return OUTDATED
    return PLANNED if recipe_run.stands == RecipeState.DRAFT else WAITING


def _plan(link: Link) -> tuple[str, ...]:
    """What a stage takes from earlier ones, in words."""
    stage = link.stage
    sources = (
        ("Model", stage.model_from),
        ("Reward model", stage.reward_model_from),
        ("Problems chosen by", stage.selection_model_from),
    )
    return tuple(
        f"{what}: {source.checkpoint} checkpoint of {source.stage}" for what, source in sources if source is not None
    )


def _following(link: Link, links: Sequence[Link]) -> tuple[str, ...]:
    touched = dependents_of([each.stage for each in links], link.stage.name)[1:]
    return tuple(each.stage.name for each in links if each.current and each.stage.name in touched)
