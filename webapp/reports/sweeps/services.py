"""What starts runs by the dozen: a sweep with its report, more seeds of a report, a run again with other seeds."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify
from pydantic import ValidationError

from training.config import (
    DpoMethod,
    RewardModelMethod,
    RunConfig,
    SftMethod,
)
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.reports.catalogue import Known, find
from webapp.reports.definition import DEFAULT_METRICS, MOST_SEEDS, Arm, Definition
from webapp.reports.models import Report, ReportRun
from webapp.reports.selection import arm_of
from webapp.reports.services import Launched, free_slug, launch_missing, unique
from webapp.reports.sweeps.plan import MOST_RUNS, Setting, SweepPlan
from webapp.runs.knobs import NOT_OFFERED
from webapp.runs.models import Run, method_title
from webapp.runs.services import describe_problems

SHOWN_REASONS = 12


def start_sweep(
    plan: SweepPlan[RunConfig],
    *,
    title: str = "",
    question: str = "",
    user: User | None = None,
    start_id: uuid.UUID | None = None,
    leave_out: bool = False,
) -> Report:
    """The report of a plan with all its runs queued, or nothing at all.

    The same ``start_id`` always means the same report: a form sent twice makes one. Raises UserError when points
    cannot be run and are not to be left out, or when nothing is left; and after the commit when the broker is away:
    then all is stored, and the runs wait as queued.
    """
    if plan.refused and not leave_out:
        raise UserError("Some combinations cannot be run:\n" + reasons_of(plan))
    if not plan.settings:
        raise UserError("No combination can be run.")
    with transaction.atomic():
        report, is_new = _stored(plan, title, question, user, start_id or uuid.uuid4())
        if is_new:
            launch_missing(Known(Definition.model_validate(report.definition), report, False), user)
    return report


def definition_of(plan: SweepPlan[RunConfig], title: str, question: str) -> Definition:
    """The report of a plan, under an address of its own."""
    title = (title.strip() or default_title(plan))[:120]
    arms = _arms_of(plan)
    return Definition(
        name=free_slug(title),
        title=title,
        question=(question.strip() or default_question(plan))[:2000],
        arms=tuple(arms),
        seeds=plan.seeds,
        metrics=metrics_for(plan.base),
        baseline=arms[plan.base_place].slug,
        grid=tuple(axis.path for axis in plan.axes),
    )


def default_title(plan: SweepPlan[RunConfig]) -> str:
    """``GRPO on built-in, middle: learning rate × clip high``."""
    what = f"{method_title(plan.base.method.kind)} on {describe_problems(plan.base)}"
    axes = " × ".join(axis.words for axis in plan.axes)
    return f"{what}: {axes or f'{len(plan.seeds)} seeds'}"


def default_question(plan: SweepPlan[RunConfig]) -> str:
    """What a sweep asks when nobody says."""
    if not plan.axes:
        return "How far do runs of the same settings differ by their seed alone?"
    *others, last = [axis.words for axis in plan.axes]
    axes = f"{', '.join(others)} and {last}" if others else last
    return f"What {'do' if others else 'does'} {axes} change, and is it more than seeds differ anyway?"


def metrics_for(config: RunConfig) -> tuple[str, ...]:
    """What is drawn; the first is what settings are judged by."""
    measured = config.evaluation.every_steps > 0
    match config.method:
        case RewardModelMethod():
            return ("heldout/preference_accuracy", "heldout/loss", "preference/accuracy", "preference/margin")
        case DpoMethod():
            first = DEFAULT_METRICS[:1] if measured else ()
            return (*first, "heldout/preference_accuracy", "heldout/loss", "preference/accuracy")
        case SftMethod():
            return ("heldout/pass_at_1", "heldout/loss", "optim/loss") if measured else ("optim/loss",)
    return DEFAULT_METRICS if measured else DEFAULT_METRICS[2:]


def add_seeds(known: Known, seeds: Sequence[int], user: User | None, *, arms: Sequence[str] = ()) -> Launched:
    """Runs of a report's arms, all or some, with further seeds. Raises UserError when there is nothing to add."""
    wanted = [arm.slug for arm in known.definition.arms if not arms or arm.slug in arms]
    taken = set(ReportRun.objects.filter(report=known.report, arm__in=wanted).values_list("arm", "seed"))
    new = [(arm, seed) for arm in wanted for seed in seeds if (arm, seed) not in taken]
    if not new:
        raise UserError("All of these seeds have runs already.")
    if len(new) > MOST_RUNS:
        raise UserError(f"These are {len(new)} runs; {MOST_RUNS} at once is the most.")
    if len({seed for _, seed in taken} | set(seeds)) > MOST_SEEDS:
        raise UserError(f"A report has {MOST_SEEDS} seeds at most.")
    return launch_missing(known, user, seeds=seeds, arms=wanted)


@transaction.atomic
def repeat_run(
    run: Run, seeds: Sequence[int], user: User | None, *, report: Report | None = None
) -> tuple[str, Launched]:
    """A run's settings with other seeds, added to a report that holds the run, or in one of their own.

    Returns the report's address and what was started. Raises UserError when nothing is new, the run is an
    evaluation, or its settings are not valid any more.
    """
    if ("method.kind", run.method) in NOT_OFFERED:
        raise UserError("This is an evaluation; start others on the Evals page.")
    link = ReportRun.objects.filter(report=report, run=run).first() if report else None
    if report is not None and link is None:
        raise UserError(f"The report {report.title} does not hold this run (any more).")
    if report is not None and link is not None:
        known = find(report.slug)
        arm = link.arm
    else:
        known = _report_of(run, seeds, user)
        arm = known.definition.arms[0].slug
    assert known is not None
    return known.definition.name, add_seeds(known, seeds, user, arms=[arm])


def reports_of(run: Run) -> list[Report]:
    """Reports that hold a run, those that launched it first."""
    links = ReportRun.objects.filter(run=run).select_related("report").order_by("chosen", "-report_id")
    return [link.report for link in links]


def reasons_of(plan: SweepPlan[Any]) -> str:
    """Points that cannot be run, a line each."""
    told = [f"  {each.title}: {each.reason}" for each in plan.refused[:SHOWN_REASONS]]
    more = len(plan.refused) - SHOWN_REASONS
    return "\n".join([*told, f"  and {more} more"] if more > 0 else told)


def _stored(
    plan: SweepPlan[RunConfig], title: str, question: str, user: User | None, start_id: uuid.UUID
) -> tuple[Report, bool]:
    """The report of this start id, and whether it is new. Another sweep may take the address at the same moment."""
    for more in (True, True, False):
        definition = definition_of(plan, title, question)
        values = definition.model_dump(mode="json")
        defaults = {"slug": definition.name, "title": definition.title, "definition": values, "owner": user}
        try:
            return Report.objects.get_or_create(start_id=start_id, defaults=defaults)
        except IntegrityError:
            if not more:
                raise
    raise AssertionError("the last try returns or raises")


def _report_of(run: Run, seeds: Sequence[int], user: User | None) -> Known:
    title = f"{arm_of(run)}, over seeds"[:120]
    seed = run.config.get("seed", 0)
    try:
        base = RunConfig.model_validate(run.config)
        slug = _slug_of(arm_of(run), set())
        arm = Arm(slug=slug, title=arm_of(run), config={k: v for k, v in run.config.items() if k != "seed"})
        definition = Definition(
            name=free_slug(title), title=title, arms=(arm,), seeds=(seed, *seeds), metrics=metrics_for(base),
            question="How far do runs of the same settings differ by their seed alone?",
        )  # fmt: skip
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise UserError(f"This run's config is not valid any more: {reason}. Clone it to mend it.") from error
    report = Report.objects.create(
        slug=definition.name, title=title, definition=definition.model_dump(mode="json"), owner=user
    )
    ReportRun.objects.create(report=report, arm=slug, seed=seed, run=run, chosen=True)
    return Known(definition, report, False)


def _arms_of(plan: SweepPlan[RunConfig]) -> list[Arm]:
    config = plan.base.model_dump(mode="json")
    del config["seed"]
    if not plan.axes:
        return [Arm(slug="all", title=method_title(plan.base.method.kind), config=config)]
    slugs: set[str] = set()
    arms = []
    for setting in plan.settings:
        slug = _slug_of(setting.title, slugs)
        slugs.add(slug)
        arms.append(Arm(slug=slug, title=setting.title, config=_without_seed(setting), overrides=dict(setting.point)))
    return arms


def _without_seed(setting: Setting[RunConfig]) -> dict[str, object]:
    config = setting.config.model_dump(mode="json")
    del config["seed"]
    return config


def _slug_of(title: str, taken: set[str]) -> str:
    words = slugify(title.replace(".", "-").replace("_", "-"))
    return unique(words[:50].strip("-") or "arm", taken)
