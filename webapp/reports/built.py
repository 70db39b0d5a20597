"""A report built: its evidence, results, answers and how far it is; what pages, files and the command show."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from webapp.reports.catalogue import Known
from webapp.reports.definition import Definition
from webapp.reports.evidence import Cell, Evidence, gather
from webapp.reports.goals import Answer, answers_of
from webapp.reports.results import Results, results_of
from webapp.reports.wording import ONE_SEED
from webapp.runs.config_table import MISSING, Difference, compare, rows_of

LEFT_OUT = ("hardware.", "checkpoints.")
"""Knobs that change no result and say nothing about an arm."""
MOST_NAMED = 4


@dataclass(frozen=True)
class Built:
    """Everything there is to show of a report."""

    known: Known
    evidence: Evidence

    @property
    def definition(self) -> Definition:
        return self.known.definition

    @cached_property
    def results(self) -> Results:
        return results_of(self.evidence)

    @cached_property
    def answers(self) -> list[Answer]:
        return answers_of(self.evidence, self.results)

    @property
    def cells(self) -> Sequence[Cell]:
        return self.evidence.cells

    @property
    def missing(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.is_missing and not cell.is_waiting]

    @property
    def resumable(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.is_resumable]

    @property
    def is_moving(self) -> bool:
        return any(cell.is_moving for cell in self.cells)

    @property
    def done(self) -> int:
        return sum(cell.is_done for cell in self.cells)

    @cached_property
    def _differences(self) -> list[Difference]:
        rows = compare([arm.values() for arm in self.definition.arms])
        return [row for row in rows if row.differs and not row.path.startswith(LEFT_OUT)]

    @cached_property
    def differing(self) -> list[Difference]:
        """Knobs in which the arms differ; none with a single arm."""
        hidden = {id(row) for row in self.defaulted}
        return [row for row in self._differences if id(row) not in hidden]

    @cached_property
    def defaulted(self) -> list[Difference]:
        """Knobs that only some arms have, all of those at their default: they come with the method."""
        changed = {row.path for arm in self.definition.arms for row in rows_of(arm.values()) if row.changed}
        return [row for row in self._differences if MISSING in row.values and row.path not in changed]

    @cached_property
    def own_knobs(self) -> list[tuple[str, list[str]]]:
        """Of arms whose runs a user chose: knobs in which the runs of one arm differ though they should not."""
        found = []
        for arm in self.definition.arms:
            configs = [cell.run.config for cell in self.evidence.of(arm.slug) if cell.run]
            rows = compare(configs) if len(configs) > 1 else []
            paths = [
                row.path for row in rows if row.differs and row.path != "seed" and not row.path.startswith(LEFT_OUT)
            ]
            if paths:
                found.append((arm.title, paths))
        return found

    @property
    def chains(self) -> list[tuple[str, str]]:
        """Titles of the arms that go on from another, and of what they go on from."""
        definition = self.definition
        return [(arm.title, definition.arm(arm.after).title) for arm in definition.arms if arm.after]

    @property
    def differs_by_grid_alone(self) -> bool:
        """Then the table of its settings says all there is to say of what the arms differ in."""
        return bool(self.definition.grid) and {row.path for row in self._differences} <= set(self.definition.grid)

    @property
    def state(self) -> str:
        """How far it is, in words: every figure is read with it."""
        total, done = len(self.cells), self.done
        if done == total:
            return "The run is done." if total == 1 else f"All {total} runs are done."
        moving, missing = sum(cell.is_moving for cell in self.cells), len(self.missing)
        early = len(self.resumable)
        waiting = sum(cell.is_waiting for cell in self.cells)
        counts = (
            (moving, "on the way"),
            (early, "ended early"),
            (missing, "missing"),
            (waiting, "waiting for another"),
        )
        parts = [f"{count} {word}" for count, word in counts if count]
        return f"{done} of {total} runs done; {', '.join(parts)}. The figures are of what there is."

    @property
    def seconds_left(self) -> float | None:
        """Of training, one run after another, at the mean pace of the report's own steps; None before the first."""
        runs = [cell.run for cell in self.cells if cell.run is not None and cell.counts]
        steps, seconds = sum(run.step for run in runs), sum(run.train_seconds for run in runs)
        moving = [cell.run for cell in self.cells if cell.is_moving and cell.run is not None]
        if not moving or not steps or not seconds:
            return None
        return seconds / steps * sum(run.total_steps - run.step for run in moving)

    @property
    def partial(self) -> str:
        """Which arms lack seeds whose figures others have; empty where all are the same."""
        counts = {figures.arm.title: figures.n for figures in self.results.arms}
        most = max(counts.values())
        fewer = [title for title, n in counts.items() if n < most]
        if not fewer:
            return ""
        more = f" and {len(fewer) - MOST_NAMED} more" if len(fewer) > MOST_NAMED else ""
        return f"Not all seeds have figures yet of {', '.join(fewer[:MOST_NAMED])}{more}."

    @property
    def stoppable(self) -> int:
        """Runs that were launched for the report and go or wait."""
        return sum(cell.is_moving and not cell.chosen for cell in self.cells)

    @property
    def one_seed(self) -> str:
        """Why there are no intervals; empty where there are."""
        counts = [figures.n for figures in self.results.arms if figures.n]
        return ONE_SEED if counts and max(counts) == 1 else ""


def build(known: Known, seeds: Sequence[int] = (), *, every_point: bool = False) -> Built:
    """Read what there is of a report now."""
    return Built(known, gather(known, seeds, every_point=every_point))
