"""What changes reports: make one of runs, launch what is missing, stop, delete. Views and commands call these."""

import json
import uuid
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from django.db import transaction
from django.utils.text import slugify
from pydantic import ValidationError

from training.config import CheckpointModel, RunConfig
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.reports.catalogue import Known, find, names
from webapp.reports.definition import MOST_ARMS, MOST_SEEDS, Arm, Definition
from webapp.reports.evidence import Cell, cells_of
from webapp.reports.models import Report, ReportRun
from webapp.reports.selection import Choice
from webapp.runs.models import Run, StopRequest
from webapp.runs.services import create_run, launch_run, resume_run, stop_run
from webapp.runs.status import ACTIVE, RunStatus

RUN_IDS = uuid.UUID("4f3d4c1e-6b4e-4b0e-9d0f-7f2f5d5b9c11")
"""Namespace of the start ids of reports' runs."""
RESERVED = ("new", "sweep")
"""Addresses beside those of reports."""


@dataclass(frozen=True, slots=True)
class Launched:
    """What a launch began."""

    started: Sequence[Run]
    resumed: Sequence[Run]
    queued: Sequence[Run]
    """All runs of the report that wait to be carried, those of an earlier launch included."""
    elsewhere: Sequence[Run]
    """Those that somebody carries already."""


@transaction.atomic
def make_report(title: str, question: str, choices: Sequence[Choice], baseline: str, user: User | None) -> Report:
    """A report of existing runs, each with the arm it was put into. Raises UserError when that makes no report."""
    title = title.strip()
    if not title:
        raise UserError("A report needs a title.")
    if not choices:
        raise UserError("A report needs at least one run.")
    arms, members = _arms_of(choices)
    base = next((arm.slug for arm in arms if arm.title == baseline.strip()), arms[0].slug)
    try:
        definition = Definition(
            name=free_slug(title), title=title[:120], question=question.strip(), arms=tuple(arms), baseline=base,
            seeds=tuple({choice.seed for choice in choices}),
        )  # fmt: skip
    except ValidationError as error:
        raise UserError(f"This cannot be made a report: {error.errors()[0]['msg']}.") from error
    report = Report.objects.create(
        slug=definition.name, title=definition.title, definition=definition.model_dump(mode="json"), owner=user
    )
    ReportRun.objects.bulk_create(
        ReportRun(report=report, arm=arm, seed=choice.seed, run=choice.run, chosen=True) for arm, choice in members
    )
    return report


def keep_definition(definition: Definition) -> Known:
    """The report of a definition from a file, kept under its name. Raises UserError when another has that name."""
    known = find(definition.name)
    if known is not None and known.definition != definition:
        raise UserError(f"There is another report {definition.name}. Give this one another name.")
    if known is not None:
        return known
    values = definition.model_dump(mode="json")
    return Known(
        definition, Report.objects.create(slug=definition.name, title=definition.title, definition=values), False
    )


def launch_missing(
    known: Known,
    user: User | None = None,
    *,
    seeds: Sequence[int] = (),
    arms: Collection[str] = (),
    send: bool = True,
    resume: bool = True,
) -> Launched:
    """Start every run that the report lacks, and resume those of its own that ended early; of ``arms``, if any.

    Runs that go on from one that is not done wait for it; without ``resume`` what ended early stays so.

    All arms of one seed come before those of the next, so that a comparison stands early. Two that ask at once start
    each run once. Without ``send`` the runs wait as queued for whoever carries them. Raises UserError when a config is
    not valid any more, names what is not there, or the broker is away.
    """
    with transaction.atomic():
        report = _row_of(known)
        cells = cells_of(Known(known.definition, report, known.shipped), seeds)
        cells = sorted((cell for cell in cells if not arms or cell.arm.slug in arms), key=lambda cell: cell.seed)
        started = [_start(report, cell, user) for cell in cells if cell.is_missing and not cell.is_waiting]
        resumed = [cell.run for cell in cells if resume and cell.is_resumable and cell.run is not None]
        for run in resumed:
            resume_run(run, send=send)
        if send:
            for run in started:
                launch_run(run)
        moving = [cell.run for cell in cells if cell.is_moving and cell.run]
    waiting = [run for run in moving if run.state == RunStatus.QUEUED]
    elsewhere = [run for run in moving if run.state in ACTIVE]
    return Launched(started, resumed, [*waiting, *resumed, *started], elsewhere)


def stop_runs(known: Known, how: StopRequest) -> int:
    """Ask every run that was launched for the report to stop; says how many. Those that wait stop first, at once."""
    runs = [cell.run for cell in cells_of(known) if cell.is_moving and not cell.chosen and cell.run is not None]
    asked = 0
    for run in sorted(runs, key=lambda run: run.state != RunStatus.QUEUED):
        with suppress(UserError):  # it has ended meanwhile
            stop_run(run, how)
            asked += 1
    return asked


def delete_report(report: Report, user: User) -> None:
    """The report, not its runs. Raises UserError when it is somebody else's."""
    if report.owner_id != user.pk and not user.is_admin:
        raise UserError("Only its owner or an admin can delete a report.", status=403)
    report.delete()


def _arms_of(choices: Sequence[Choice]) -> tuple[list[Arm], list[tuple[str, Choice]]]:
    """The arms in the order they are named, each with the config of its first run; and which run belongs to which."""
    arms: dict[str, Arm] = {}
    taken: dict[tuple[str, int], Run] = {}
    members = []
    for choice in choices:
        title = choice.arm.strip()[:80]
        if not title:
            raise UserError(f"Name the arm of run {choice.run.pk}, {choice.run.name}.")
        if title not in arms:
            if len(arms) == MOST_ARMS:
                raise UserError(f"A report has {MOST_ARMS} arms at most; give some of the runs the same arm.")
            slug = unique(
                slugify(title)[:50].strip("-_").replace("_", "-") or "arm", {arm.slug for arm in arms.values()}
            )
            arms[title] = Arm(slug=slug, title=title, config=choice.config_without_seed)
        other = taken.setdefault((title, choice.seed), choice.run)
        if other != choice.run:
            raise UserError(
                f"Runs {other.pk} and {choice.run.pk} both have seed {choice.seed} in the arm {title}. "
                "Give one of them another arm, or leave it out."
            )
        members.append((arms[title].slug, choice))
    if len({choice.seed for choice in choices}) > MOST_SEEDS:
        raise UserError(f"A report has {MOST_SEEDS} seeds at most.")
    return list(arms.values()), members


def _row_of(known: Known) -> Report:
    """The report's row, locked; a shipped report gets one now."""
    definition = known.definition
    Report.objects.get_or_create(
        slug=definition.name,
        defaults={"title": definition.title, "definition": definition.model_dump(mode="json")},
    )
    return Report.objects.select_for_update().get(slug=definition.name)


def _start(report: Report, cell: Cell, user: User | None) -> Run:
    arm, seed = cell.arm, cell.seed
    try:
        config = _going_on(arm.run_config(seed), cell)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its config"
        raise UserError(f"The arm {arm.title} cannot be run: {where}: {first['msg']}") from error
    what = json.dumps([report.pk, arm.slug, config.model_dump(mode="json")], sort_keys=True)
    run = create_run(
        config,
        name=_name_of(report.title, arm.title, seed),
        user=user,
        group=f"{report.slug} {arm.slug}"[:80],
        notes=f"Part of the report {report.title}.",
        start_id=uuid.uuid5(RUN_IDS, what),
    )
    values = {"run": run, "chosen": False, "followed": False}
    ReportRun.objects.update_or_create(report=report, arm=arm.slug, seed=seed, defaults=values)
    return run


def _going_on(config: RunConfig, cell: Cell) -> RunConfig:
    """With the last checkpoint of the run before as its model, where there is one before."""
    if cell.before is None or cell.before.run is None:
        return config
    run = cell.before.run
    last = run.checkpoints.filter(removed_at=None).order_by("step").last()
    if last is None:
        raise UserError(f"{cell.arm.title} goes on from run {run.pk}, which has no checkpoint (any more).")
    model = CheckpointModel(run=run.pk, step=last.step)
    return RunConfig.model_validate(config.model_dump() | {"model": model.model_dump()})


def _name_of(title: str, arm: str, seed: int) -> str:
    """What runs differ in stands whole, at the cost of the report's title."""
    tail = f": {arm[:64]}, seed {seed}"
    return f"{title[: 120 - len(tail)]}{tail}"


def free_slug(title: str) -> str:
    """An address for a report that none has yet."""
    return unique(slugify(title)[:50].replace("_", "-").strip("-") or "report", {*names(), *RESERVED})


def unique(slug: str, taken: set[str]) -> str:
    """The slug, with a number behind it where it is taken."""
    number = 2
    free = slug
    while free in taken:
        free, number = f"{slug}-{number}", number + 1
    return free
