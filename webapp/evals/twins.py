"""The same pages as JSON, for scripts: ``?format=json`` on any of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from webapp.evals.comparison import Comparison
from webapp.evals.detail_page import DetailPage
from webapp.evals.models import AskedProblem, Evaluation, Override
from webapp.evals.problem_history import History
from webapp.inspection.models import Rollout, RolloutGroup

Json = dict[str, Any]


def evaluation(made: Evaluation) -> Json:
    names = ("samples", "temperature", "max_tokens", "searches", "asked", "trained_on", "unusable", "overrides")
    return {
        "id": made.pk,
        "run": made.run_id,
        "status": made.run.status,
        "model": made.label,
        "problem_set": made.problem_set,
        "source_run": made.source_run_id,
        "source_step": made.source_step,
    } | {name: getattr(made, name) for name in names}


def detail(page: DetailPage) -> Json:
    return evaluation(page.evaluation) | {
        "figures": {"graded": page.graded, "overridden": page.overridden},
        "searched_tokens_mean": page.searched_tokens,
        "overridden_answers": [_override(each.override, each.rollout) for each in page.judged],
        "look_equal": [
            {
                "rollout": each.rollout.pk,
                "problem_id": each.problem_id,
                "extracted": each.rollout.extracted,
                "reference": each.reference,
                "why": each.why,
            }
            for each in page.suspects
        ],
        "problems": [
            _group(each.group) | {"problem_id": each.group.prompt.problem_id, "level": each.level, "key": each.key}
            for each in page.problems
        ],
        "sort": page.sort,
        "next": page.next_cursor or None,
    }


def answers(
    group: RolloutGroup, rows: Sequence[Rollout], judged: Mapping[int, Override], asked: AskedProblem | None
) -> Json:
    names = ("index", "correct", "extracted", "finish_reason", "length", "greedy")
    return _group(group) | {
        "problem_id": group.prompt.problem_id,
        "key": asked.key if asked else None,
        "reference": group.prompt.answer,
        "answers": [
            {"rollout": row.pk, **{name: getattr(row, name) for name in names}}
            | {"override": _override(judged[row.pk], row) if row.pk in judged else None}
            for row in rows
        ],
    }


def history(found: History) -> Json:
    asked = [
        evaluation(each.evaluation)
        | {"group": each.group, "right": each.right, "size": each.size, "tokens_mean": each.tokens}
        for each in found.asked
    ]
    return {"key": found.key, "problem": found.problem, "reference": found.answer, "level": found.level, "asked": asked}


def comparison(found: Comparison) -> Json:
    sides = [
        evaluation(side.evaluation)
        | {"figures": side.figures, "less_the_first": side.against, "searched_tokens_mean": side.searched_tokens}
        for side in found.sides
    ]
    return {"evaluations": sides}


def _group(group: RolloutGroup) -> Json:
    return {
        "group": group.pk,
        "batch": group.step,
        "size": group.size,
        "right": group.correct_count,
        "tokens_mean": group.length_mean,
    }


def _override(made: Override, rollout: Rollout) -> Json:
    return {
        "rollout": rollout.pk,
        "problem_id": made.problem_id,
        "graded": rollout.correct,
        "overridden": made.correct,
        "reason": made.reason,
        "by": made.user.username if made.user else None,
        "at": made.at.isoformat(),
    }
