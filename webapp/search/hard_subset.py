"""The page of a run's hard subset: a phase, and its problems narrowed and paged by the address."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import Count, Func, IntegerField, Q

from training.config import HardSubsetConfig
from webapp.core.errors import UserError
from webapp.inspection.models import Prompt
from webapp.inspection.prompts import problem_text, prompt_frame
from webapp.runs.models import Run
from webapp.search.models import HardSubset, SearchTree
from webapp.search.pass_rates import spread_of
from webapp.search.phases import CHANGES, Phase, Problem, Rule

PAGE_SIZE = 50
LONGEST_ID = 120
NEARBY = 2
"""Phases shown on either side of the chosen one."""


@dataclass(frozen=True, slots=True)
class Line:
    """A problem as the page lists it."""

    problem: Problem
    text: str
    trees: int
    solved: int


@dataclass(frozen=True)
class SubsetPage:
    """Everything the page shows of a phase; without one, the rule alone."""

    run: Run
    rule: Rule | None
    numbers: list[int]
    """Of all phases."""
    phases: list[HardSubset] = field(default_factory=list)
    """Those around the one shown, newest first, with ``looked_at``, ``hard`` and ``in_cache`` but without lists."""
    phase: Phase | None = None
    show: str = ""
    query: str = ""
    right: int | None = None
    found: int = 0
    """Problems that fit the filters."""
    start: int = 0
    lines: tuple[Line, ...] = ()

    @property
    def following(self) -> int | None:
        """Where the next page starts."""
        end = self.start + len(self.lines)
        return end if end < self.found else None

    @property
    def kept_as_it_was(self) -> bool:
        """Whether the rule would have left too few, so that it was not followed."""
        if self.rule is None or self.phase is None:
            return False
        row, rule = self.phase.row, self.rule
        hard = sum(count for right, count in enumerate(spread_of(row)) if rule.is_hard(right, row.samples))
        return hard < min(rule.config.smallest, len(row.ids))

    @property
    def neighbours(self) -> tuple[int | None, int | None]:
        """The phases before and after."""
        if self.phase is None:
            return None, None
        return _around(self.numbers, self.phase.row.phase)


def read_subset(run: Run, asked: Mapping[str, str]) -> SubsetPage:
    """The page that an address asks for; without ``phase``, of the newest. Raises UserError for a damaged address."""
    numbers = list(HardSubset.objects.filter(run=run).order_by("phase").values_list("phase", flat=True))
    rule = _rule(run)
    if not numbers:
        return SubsetPage(run, rule, numbers)
    asked_phase = _number(asked, "phase")
    chosen = numbers[-1] if asked_phase is None else asked_phase
    if chosen not in numbers:
        raise UserError(f"This run has no phase {chosen}. Its newest is {numbers[-1]}.", status=404)
    earlier, _ = _around(numbers, chosen)
    rows = {row.phase: row for row in HardSubset.objects.filter(run=run, phase__in=(chosen, earlier))}
    phase = Phase(rows[chosen], None if earlier is None else rows[earlier])
    show = asked.get("show", "") if asked.get("show") in CHANGES else ""
    query, right = asked.get("q", "").strip()[:400].replace("\x00", ""), _number(asked, "right")
    found = _matching(run, phase, show, query, right)
    start = _number(asked, "after") or 0
    lines = _lines(run, found[start : start + PAGE_SIZE])
    phases = _phases(run, chosen)
    return SubsetPage(run, rule, numbers, phases, phase, show, query, right, len(found), start, lines)


def _matching(run: Run, phase: Phase, show: str, query: str, right: int | None) -> list[Problem]:
    found = phase.problems
    if show:
        found = [problem for problem in found if problem.is_among(show)]
    if right is not None:
        found = [problem for problem in found if problem.right == right]
    if query:
        asked = Prompt.objects.filter(run=run, text__icontains=query).values_list("problem_id", flat=True)
        named, words = set(asked), query.casefold()
        found = [problem for problem in found if _stored(problem.name) in named or words in problem.name.casefold()]
    return found


def _lines(run: Run, problems: list[Problem]) -> tuple[Line, ...]:
    """With the beginning of each problem, where the run has asked it, and its trees counted."""
    names = [_stored(problem.name) for problem in problems]
    text = problem_text(prompt_frame(run), "text")
    texts = dict(Prompt.objects.filter(run=run, problem_id__in=names).values_list("problem_id", text))
    counted = SearchTree.objects.filter(run=run, prompt__problem_id__in=names).values_list("prompt__problem_id")
    trees = {name: (count, solved) for name, count, solved in counted.annotate(
        trees=Count("pk"), wins=Count("pk", filter=Q(solved=True))
    ).order_by()}  # fmt: skip
    return tuple(
        Line(problem, texts.get(_stored(problem.name), ""), *trees.get(_stored(problem.name), (0, 0)))
        for problem in problems
    )


def _stored(name: str) -> str:
    """A problem's id as prompts have it."""
    return name[:LONGEST_ID]


def _around(numbers: list[int], phase: int) -> tuple[int | None, int | None]:
    """The phases before and after one."""
    at = numbers.index(phase)
    return (numbers[at - 1] if at else None), (numbers[at + 1] if at + 1 < len(numbers) else None)


def _phases(run: Run, chosen: int) -> list[HardSubset]:
    """Counted in the database, and only around the chosen one: the lists of a phase may be long."""
    length = "jsonb_array_length(%(expressions)s)"
    # Of truth values alone; several times as fast as to take the arrays apart.
    trues = "(length(%(expressions)s::text) - length(replace(%(expressions)s::text, 'true', ''))) / 4"
    counted = (("looked_at", "ids", length), ("hard", "kept", trues), ("in_cache", "cached", trues))
    counts = {name: Func(column, template=how, output_field=IntegerField()) for name, column, how in counted}
    rows = HardSubset.objects.filter(run=run).defer("ids", "right", "kept", "cached").annotate(**counts)
    return list(rows.filter(phase__range=(chosen - NEARBY, chosen + NEARBY)).order_by("-phase"))


def _rule(run: Run) -> Rule | None:
    config = run.config.get("method", {}).get("hard_subset")
    return None if config is None else Rule(HardSubsetConfig.model_validate(config))


def _number(asked: Mapping[str, str], name: str) -> int | None:
    text = asked.get(name, "")
    if not text:
        return None
    if not text.isdecimal() or len(text) > 9:
        raise UserError(f"In the address, {name} must be a whole number.")
    return int(text)
