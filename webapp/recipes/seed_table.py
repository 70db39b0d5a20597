"""What each stage of a recipe came to over seeds: mean, range and interval, and what it added, paired by seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.events.metrics import MetricInfo
from webapp.recipes.chain import links_of_each
from webapp.recipes.family import Member
from webapp.recipes.results import Change, Result, results_of
from webapp.reports.statistics import Spread, spread_of
from webapp.reports.wording import NONE, gap_words, interval_words, spread_words

FIGURES: dict[str, Callable[[Result], Change | None]] = {
    "sampled": lambda result: result.sampled,
    "greedy": lambda result: result.greedy,
    "other": lambda result: result.other,
    "length": lambda result: result.length,
}
"""Figures of a stage's results, in the order of the columns."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a stage over the seeds that have done it."""

    info: MetricInfo
    spread: Spread

    @property
    def mean(self) -> str:
        return spread_words(self.info, self.spread)

    @property
    def interval(self) -> str:
        return interval_words(self.info, self.spread)


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage over seeds."""

    name: str
    done: int
    wanted: int
    figures: Sequence[Figure | None]
    """In the order of `FIGURES`."""
    gain: Spread | None
    """Held-out pass@1 at its end less that at its own begin, seed by seed."""
    gain_words: str


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One recipe, with the held-out pass@1 of each stage that is done."""

    member: Member
    finals: Sequence[tuple[int | None, float | None]]
    """Number of the run and figure, stage by stage."""


@dataclass(frozen=True, slots=True)
class SeedTable:
    """The whole page."""

    stages: Sequence[StageRow]
    members: Sequence[MemberRow]


def seed_table(family: Sequence[Member]) -> SeedTable:
    """Only stages that are done count: those under way would be compared unfairly."""
    return seed_tables([family])[0]


def seed_tables(families: Sequence[Sequence[Member]]) -> list[SeedTable]:
    """One for each family, by a few queries for all of them."""
    done = _done([member for family in families for member in family])
    return [_table(family, [done[member.recipe_run.pk] for member in family]) for family in families]


def _table(family: Sequence[Member], found: Sequence[dict[str, Result]]) -> SeedTable:
    names = [stage.name for stage in family[0].recipe.stages]
    stages = [_stage(name, [each.get(name) for each in found]) for name in names]
    members = [
        MemberRow(member, [_final(each.get(name)) for name in names])
        for member, each in zip(family, found, strict=True)
    ]
    return SeedTable(stages, members)


def _done(members: Sequence[Member]) -> dict[int, dict[str, Result]]:
    """Number of a recipe → name of each of its stages that are done → what that came to."""
    links = links_of_each([(member.recipe_run, member.recipe) for member in members])
    found: dict[int, dict[str, Result]] = {member.recipe_run.pk: {} for member in members}
    for result in results_of([link for each in links for link in each if link.is_done]):
        if attempt := result.link.current:
            found[attempt.recipe_id][result.link.stage.name] = result
    return found


def _stage(name: str, results: Sequence[Result | None]) -> StageRow:
    done = [result for result in results if result is not None]
    sampled = [result.sampled for result in done if result.sampled is not None]
    gain = spread_of([
        change.after - change.before for change in sampled if change.after is not None and change.before is not None
    ])  # fmt: skip
    figures = [_figure([read(result) for result in done]) for read in FIGURES.values()]
    words = gap_words(sampled[0].info, gain) if sampled and gain else NONE
    return StageRow(name, len(done), len(results), figures, gain, words)


def _figure(changes: Sequence[Change | None]) -> Figure | None:
    """None where no seed has it. Members have the same stages, and so the same figures."""
    known = [change for change in changes if change is not None and change.after is not None]
    spread = spread_of([change.after for change in known if change.after is not None])
    return Figure(known[0].info, spread) if spread else None


def _final(result: Result | None) -> tuple[int | None, float | None]:
    if result is None:
        return None, None
    return result.run.pk, result.sampled.after if result.sampled else None
