"""The settings of a grid as a table: the value of each axis, and what the runs that have ended came to, best first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from webapp.reports.built import Built
from webapp.reports.definition import Arm
from webapp.reports.drawing import Style, style_of
from webapp.reports.statistics import Difference, Spread, difference_of, spread_of
from webapp.reports.sweeps.reading import by_path
from webapp.reports.wording import NONE, difference_words, interval_words, spread_words
from webapp.runs.configure.words import label_of, shown


@dataclass(frozen=True, slots=True)
class GridRow:
    """One setting. Figures are of the runs that have ended: those on their way would be compared unfairly."""

    arm: Arm
    style: Style
    values: Sequence[str]
    """Of each axis, in words."""
    wanted: int
    done: int
    going: int
    early: int
    final: Spread | None
    difference: Difference | None
    """To the baseline; None of the baseline itself."""
    is_base: bool
    is_best: bool
    """Its mean is the best one, of settings with as many seeds as any."""
    words: tuple[str, str, str]
    """Mean with range, its interval, the difference."""

    @property
    def seeds(self) -> str:
        """``1 of 3, 1 on its way, 1 ended early``."""
        going = f"{self.going} on {'its' if self.going == 1 else 'their'} way" if self.going else ""
        early = f"{self.early} ended early" if self.early else ""
        return ", ".join(filter(None, [f"{self.done} of {self.wanted}", going, early]))


def axis_labels(built: Built) -> list[tuple[str, str]]:
    """Path and label of each axis; nothing where the arms are no grid."""
    return [(path, _label(path)) for path in built.definition.grid]


def grid_rows(built: Built) -> list[GridRow]:
    """Every setting: those with the best mean first, then those with fewer seeds, then those without figures."""
    if not built.definition.grid:
        return []
    finals = {arm.slug: spread_of(_finals(built, arm)) for arm in built.definition.arms}
    sign = -1 if built.results.info.direction == "down" else 1
    best = _best_of(finals, sign) if built.results.info.direction else ""
    rows = [_row(built, place, finals, best) for place in range(len(built.definition.arms))]
    most = max((final.n for final in finals.values() if final), default=0)

    def place_of(row: GridRow) -> tuple[bool, bool, float]:
        return (False, row.final.n < most, -sign * row.final.mean) if row.final else (True, True, 0.0)

    return sorted(rows, key=place_of)


def _best_of(finals: Mapping[str, Spread | None], sign: int) -> str:
    """Of the settings with as many seeds as any, the one with the best mean; empty where there is one alone."""
    most = max((final.n for final in finals.values() if final), default=0)
    full = {slug: sign * final.mean for slug, final in finals.items() if final and final.n == most}
    return max(full, key=lambda slug: full[slug]) if len(full) > 1 else ""


def _row(built: Built, place: int, finals: Mapping[str, Spread | None], best: str) -> GridRow:
    definition, info = built.definition, built.results.info
    arm = definition.arms[place]
    cells = [cell for cell in built.cells if cell.arm == arm]
    final, base, is_base = finals[arm.slug], finals[definition.base.slug], arm == definition.base
    gap = difference_of(final.values, base.values) if final and base and not is_base else None
    said = "baseline" if is_base else difference_words(info, gap)
    return GridRow(
        arm=arm,
        style=style_of(place),
        values=[shown(arm.overrides[path]) for path in definition.grid],
        wanted=len(cells),
        done=sum(cell.is_done for cell in cells),
        going=sum(cell.is_moving for cell in cells),
        early=sum(cell.is_resumable for cell in cells),
        final=final,
        difference=gap,
        is_base=is_base,
        is_best=arm.slug == best,
        words=(spread_words(info, final), interval_words(info, final) or NONE, said),
    )


def first_drawn(built: Built, most: int) -> set[str]:
    """Of more arms than ``most``, those that are drawn before somebody chooses: the best and the baseline."""
    arms = built.definition.arms
    if len(arms) <= most:
        return {arm.slug for arm in arms}
    ranked = [row.arm.slug for row in grid_rows(built)] or [arm.slug for arm in arms]
    others = [slug for slug in ranked if slug != built.definition.base.slug]
    return {built.definition.base.slug, *others[: most - 1]}


def _finals(built: Built, arm: Arm) -> list[float]:
    """The last value of the first metric of each run that has ended."""
    metric = built.results.info.name
    found = []
    for cell in built.evidence.of(arm.slug):
        points = built.evidence.points.get((cell.run.pk, metric)) if cell.run and cell.is_done else None
        if points and (curve := points.over("step")):
            found.append(float(curve.ys[-1]))
    return found


def _label(path: str) -> str:
    """A report outlives knobs: of one that is gone, its path."""
    knobs = by_path().get(path)
    return label_of(knobs[0].name) if knobs else path
