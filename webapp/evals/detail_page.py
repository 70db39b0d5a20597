"""The page of one evaluation: its figures both ways, its problems, and wrong answers that deserve a second look."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F

from training.algorithms.tallies import Tally
from webapp.core.paging import Page, chosen_sort, keyset_page
from webapp.evals.best_of_n import figures_of, has_learned
from webapp.evals.models import AskedProblem, Evaluation
from webapp.evals.near_misses import near_miss
from webapp.evals.searched import searched_tokens
from webapp.evals.tallying import Answers, Judged, answers_of, judged_answers, read_answers
from webapp.inspection.models import Prompt, Rollout, RolloutGroup, Split
from webapp.inspection.prompts import problem_text, prompt_frame
from webapp.runs.models import Run

SORTS = {"correct_count": "Right", "length_mean": "Answer tokens", "id": "Asked"}
LOWEST_FIRST = "correct_count"
PAGE_SIZE = 50
MOST_SUSPECTS = 25


@dataclass(frozen=True, slots=True)
class Suspect:
    """A wrong answer that looks equal to the reference."""

    rollout: Rollout
    problem_id: str
    reference: str
    why: str


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """A problem of the evaluation."""

    group: RolloutGroup
    problem: str
    level: str
    key: str


@dataclass(frozen=True, slots=True)
class DetailPage:
    """Everything the page shows."""

    evaluation: Evaluation
    run: Run
    figures: dict[str, Any]
    judged: list[Judged]
    suspects: list[Suspect]
    more_suspects: int
    problems: list[ProblemRow]
    next_cursor: str
    sort: str
    searched_tokens: float | None = None
    """Sampled for a tree on average; None without search."""

    @property
    def graded(self) -> dict[str, Any] | None:
        return self.figures.get("graded")

    @property
    def overridden(self) -> dict[str, Any] | None:
        return self.figures.get("overridden")

    @property
    def judge(self) -> dict[str, Any] | None:
        """The reward model that scored the answers, as the config names it; None without one."""
        return self.run.config["method"]["learned"]["model"] if has_learned(self.run) else None

    @property
    def best_of_n(self) -> list[dict[str, Any]]:
        """A row for each n that a reward model picked the best of; with the figure after overrides, where there is."""
        rows = (self.graded or {}).get("best_of_n") or []
        changed = (self.overridden or {}).get("best_of_n") or [{}] * len(rows)
        return [row | {"overridden": other.get("gold")} for row, other in zip(rows, changed, strict=True)]


def read_detail(evaluation: Evaluation, asked: Mapping[str, str]) -> DetailPage:
    """The page that an address asks for; the evaluation was read with its run."""
    run = evaluation.run
    answers = read_answers(run)
    figures = evaluation.figures if evaluation.settled_at else figures_of(run, answers)
    judged = judged_answers(run) if answers.overrides else []
    suspects, more = find_suspects(run, answers)
    page, sort = problem_page(run, asked)
    return DetailPage(
        evaluation=evaluation,
        run=run,
        figures=figures,
        judged=judged,
        suspects=suspects,
        more_suspects=more,
        problems=problem_rows(run, page),
        next_cursor=page.next_cursor,
        sort=sort,
        searched_tokens=searched_tokens([evaluation]).get(evaluation.pk),
    )


def problem_page(run: Run, asked: Mapping[str, str]) -> tuple[Page[Any], str]:
    """A page of the problems, those least often right first unless asked otherwise."""
    sort = chosen_sort(asked, SORTS, LOWEST_FIRST)
    rows = RolloutGroup.objects.filter(run=run, split=Split.HELDOUT).annotate(
        problem=problem_text(prompt_frame(run), "prompt__text"), problem_id=F("prompt__problem_id")
    )
    by = sort.removeprefix("-")
    found = keyset_page(rows, by=by, descending=sort.startswith("-"), cursor=asked.get("after", ""), size=PAGE_SIZE)
    return found, sort


def problem_rows(run: Run, page: Page[Any]) -> list[ProblemRow]:
    """With levels and keys."""
    ids = [group.problem_id for group in page.rows]
    known = {each.problem_id: each for each in AskedProblem.objects.filter(run=run, problem_id__in=ids)}
    rows = []
    for group in page.rows:
        of = known.get(group.problem_id)
        rows.append(ProblemRow(group, group.problem, of.level if of else "", of.key if of else ""))
    return rows


def find_suspects(run: Run, answers: Answers) -> tuple[list[Suspect], int]:
    """Up to `MOST_SUSPECTS` wrong answers that look equal to their reference, and how many more there are.

    Answers whose verdict was changed already are left out.
    """
    references = dict(Prompt.objects.filter(run=run).values_list("problem_id", "answer"))
    current = answers.overridden or answers.graded
    reasons: dict[tuple[str, str | None], str] = {
        (problem, extracted): why
        for problem, tally in current.items()
        for extracted in wrong_answers(tally)
        if (why := near_miss(extracted, references.get(problem, "")))
    }
    if not reasons:
        return [], 0
    rows = (
        answers_of(run)
        .exclude(correct=True)
        .filter(
            greedy=False,
            extracted__in={extracted for _, extracted in reasons},
            group__prompt__problem_id__in={problem for problem, _ in reasons},
        )
    )
    changed = {each.rollout.pk for each in judged_answers(run)} if answers.overrides else set()
    found = []
    for row in rows.annotate(problem_id=F("group__prompt__problem_id")).order_by("group", "index"):
        reason = reasons.get((row.problem_id, row.extracted))
        if reason and row.pk not in changed:
            found.append(Suspect(row, row.problem_id, references[row.problem_id], reason))
    return found[:MOST_SUSPECTS], max(len(found) - MOST_SUSPECTS, 0)


def wrong_answers(tally: Tally) -> list[str]:
    """Distinct wrong answers to a problem."""
    return [answer for (answer, right), count in tally.votes.items() if answer is not None and not right and count]
