"""Evaluations side by side, and each against the first: paired over the problems that both asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F

from webapp.core.errors import UserError
from webapp.evals.figures import both_ways, paired
from webapp.evals.models import AskedProblem, Evaluation
from webapp.evals.searched import searched_tokens
from webapp.evals.tallying import Tallies, read_answers
from webapp.inspection.models import Prompt, RolloutGroup, Split
from webapp.inspection.prompts import problem_text, prompt_frame

MOST = 8
MOST_DIFFERENCES = 50


@dataclass(frozen=True, slots=True)
class Side:
    """One evaluation."""

    evaluation: Evaluation
    figures: dict[str, Any] | None
    """As graded; None before the first answer."""
    against: dict[str, Any] | None
    """Less the first one; None for the first, and where they share no problem."""
    searched_tokens: float | None
    """Sampled for a tree on average; None without search."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A problem that one of two answers better."""

    key: str
    problem_id: str
    problem: str
    """Its beginning, as the first evaluation asked it."""
    shares: list[tuple[float, int] | None]
    """Pass rate and group in each evaluation; None where it was not asked."""
    change: float
    """Last less first."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything the page shows; the first is what the others are held against."""

    sides: list[Side]
    differences: list[Difference]

    @property
    def searches(self) -> int:
        """How many of them let the verifier guide a search."""
        return sum(side.evaluation.searches for side in self.sides)


def evaluations_named(ids: Sequence[str]) -> list[Evaluation]:
    """Those of these numbers, in order. Raises UserError unless there are two to `MOST` of them."""
    numbers = list(dict.fromkeys(part.strip() for text in ids for part in text.split(",") if part.strip()))
    if not all(number.isdecimal() and len(number) < 18 for number in numbers):
        raise UserError("Evaluations are named by their numbers, such as ids=3,5.")
    if not 2 <= len(numbers) <= MOST:
        raise UserError(f"Two to {MOST} evaluations can be compared; {len(numbers)} are named. Tick them in the list.")
    found = Evaluation.objects.select_related("run").in_bulk([int(number) for number in numbers])
    gone = [number for number in numbers if int(number) not in found]
    if gone:
        raise UserError(f"There is no evaluation {gone[0]} (any more).", status=404)
    return [found[int(number)] for number in numbers]


def compare(evaluations: Sequence[Evaluation]) -> Comparison:
    """Reads the answers of each once."""
    keys = [_keys(each) for each in evaluations]
    tallies = [_by_key(each, names) for each, names in zip(evaluations, keys, strict=True)]
    searched = searched_tokens(evaluations)
    sides = []
    for number, (each, tally) in enumerate(zip(evaluations, tallies, strict=True)):
        against = paired(tallies[0], tally) if number else None
        sides.append(Side(each, _figures(each), against, searched.get(each.pk)))
    return Comparison(sides, _differences(evaluations, keys, sides[-1].against))


def _figures(evaluation: Evaluation) -> dict[str, Any] | None:
    if evaluation.settled_at:
        return evaluation.graded or None
    levels = dict(AskedProblem.objects.filter(run=evaluation.run).values_list("problem_id", "level"))
    return both_ways(read_answers(evaluation.run), levels)["graded"]  # type: ignore[no-any-return]


def _keys(evaluation: Evaluation) -> dict[str, str]:
    return dict(AskedProblem.objects.filter(run=evaluation.run).values_list("problem_id", "key"))


def _by_key(evaluation: Evaluation, keys: dict[str, str]) -> Tallies:
    graded = read_answers(evaluation.run).graded
    return {keys[name]: tally for name, tally in graded.items() if name in keys}


def _differences(
    evaluations: Sequence[Evaluation], keys: Sequence[dict[str, str]], against: dict[str, Any] | None
) -> list[Difference]:
    """Problems by how much the last differs from the first, largest change first; those alike are left out."""
    if against is None:
        return []
    changes = {key: change for key, change in against["differences"].items() if change}
    chosen = sorted(changes, key=lambda key: (-abs(changes[key]), key))[:MOST_DIFFERENCES]
    places = [_places(each, names, set(chosen)) for each, names in zip(evaluations, keys, strict=True)]
    ids = {key: name for name, key in keys[0].items()}
    texts = _texts(evaluations[0], [ids[key] for key in chosen])
    return [
        Difference(key, ids[key], texts.get(ids[key], ""), [place.get(key) for place in places], changes[key])
        for key in chosen
    ]


def _texts(evaluation: Evaluation, names: Sequence[str]) -> dict[str, str]:
    prompts = Prompt.objects.filter(run=evaluation.run, problem_id__in=names)
    shown = prompts.annotate(problem=problem_text(prompt_frame(evaluation.run), "text"))
    return dict(shown.values_list("problem_id", "problem"))


def _places(evaluation: Evaluation, names: dict[str, str], chosen: set[str]) -> dict[str, tuple[float, int]]:
    wanted = [name for name, key in names.items() if key in chosen]
    rows = RolloutGroup.objects.filter(
        run=evaluation.run, split=Split.HELDOUT, prompt__problem_id__in=wanted
    ).values_list(F("prompt__problem_id"), "correct_count", "size", "pk")
    return {names[name]: (right / size if size else 0.0, pk) for name, right, size, pk in rows}
