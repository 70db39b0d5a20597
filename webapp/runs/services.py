"""What changes runs: create, launch, stop, resume, archive, delete. Views and commands call these, never the models."""

import shutil
import uuid
from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from training.config import (
    BuiltinProblems,
    BuiltinRankings,
    CheckpointModel,
    EvaluateMethod,
    FileProblems,
    ImportedProblems,
    Measured,
    PreferenceMethod,
    ProjectRankings,
    RankingsFile,
    RejectionSampling,
    RewardCheckpoint,
    RlMethod,
    RunConfig,
)
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.datasets.models import ProblemSet
from webapp.runs.dependents import dependents_of
from webapp.runs.label_sources import label_facts
from webapp.runs.models import Checkpoint, Run, StopRequest, method_title
from webapp.runs.signals import deleting_run
from webapp.runs.status import ACTIVE, RESUMABLE, TERMINAL, RunStatus, transition
from workers import queue


def create_run(
    config: RunConfig,
    *,
    name: str = "",
    user: User | None = None,
    start_id: uuid.UUID | None = None,
    group: str = "",
    notes: str = "",
    cloned_from: Run | None = None,
) -> Run:
    """The run of ``config``, queued but not yet sent to a worker.

    The same ``start_id`` always means the same run: a form sent twice makes one. Raises UserError when the config
    names a checkpoint or problem set that is not there.
    """
    problems = describe_problems(config)
    for complaint in missing_sources(config).values():
        raise UserError(complaint)
    run, _ = Run.objects.get_or_create(
        start_id=start_id or uuid.uuid4(),
        defaults={
            "name": (name.strip() or f"{method_title(config.method.kind)} on {problems}")[:120],
            "config": config.model_dump(mode="json"),
            "method": config.method.kind,
            "problems": problems,
            "group": group.strip(),
            "notes": notes,
            "cloned_from": cloned_from,
            "created_by": user,
            "total_steps": config.steps,
        },
    )
    return run


def launch_run(run: Run) -> None:
    """Send a new run to the workers, once. Raises UserError when the broker is away; the run stays queued then."""
    now = timezone.now()
    if Run.objects.filter(pk=run.pk, status=RunStatus.QUEUED, queued_at=None).update(queued_at=now):
        run.queued_at = now
        queue.supervise_run(run.pk)


def stop_run(run: Run, how: StopRequest = StopRequest.SAVE) -> None:
    """Ask a run to stop: SAVE lets it finish its step and save, NOW kills it. One that waits stops at once.

    Raises UserError when the run has ended already.
    """
    ended = Coalesce("heartbeat_at", timezone.now())  # one that waited to go on ended when it last trained
    if transition(run.pk, RunStatus.STOPPED, only_from=[RunStatus.QUEUED], stop_requested=how, ended_at=ended):
        run.refresh_from_db()
        return
    asked = Run.objects.filter(pk=run.pk, status__in=ACTIVE)
    if how == StopRequest.SAVE:  # does not soften an earlier "now"
        asked = asked.exclude(stop_requested=StopRequest.NOW)
    asked.update(stop_requested=how)
    transition(run.pk, RunStatus.STOPPING)
    run.refresh_from_db()
    if run.state.is_terminal:
        raise UserError(f"{run.name} has ended already ({run.state.label.lower()}).")


def resume_run(run: Run, *, send: bool = True) -> None:
    """Queue a stopped, failed or lost run again; it goes on after its newest checkpoint.

    Without ``send`` no worker is told: whoever asks carries it.

    Raises UserError when the run's state does not allow it, or the broker is away (the run stays queued then).
    """
    with transaction.atomic():
        if not _requeue(run.pk, RESUMABLE, automatic_resumes=0, queued_at=timezone.now()):
            run.refresh_from_db()
            raise UserError(f"{run.name} is {run.state.label.lower()}; only a run that stopped early can be resumed.")
        run.refresh_from_db()
        if send:
            queue.supervise_run(run.pk)


def requeue_lost_run(run_id: int, *, automatic_resumes: int) -> bool:
    """Put a run whose worker vanished back in the queue, without a message; says whether it was lost.

    It keeps its place: what has come into the queue since waits until it has gone on.
    """
    place = Coalesce("queued_at", timezone.now())  # one that a command carried had none
    return _requeue(run_id, [RunStatus.LOST], automatic_resumes=automatic_resumes, queued_at=place)


def _requeue(run_id: int, states: Collection[RunStatus], **fields: Any) -> bool:
    return transition(
        run_id,
        RunStatus.QUEUED,
        only_from=states,
        ended_at=None,
        exit_code=None,
        error="",
        failure={},
        phase="",  # a killed trainer leaves the one that it was in
        phase_since=None,
        stop_requested=StopRequest.NONE,
        **fields,
    )


def archive_runs(runs: Collection[int], archived: bool = True) -> int:
    """Take runs off the list, or put them back; says how many."""
    return Run.objects.filter(pk__in=runs).exclude(archived=archived).update(archived=archived)


def delete_run(run: Run) -> None:
    """Remove a run with all its rows and files, for ever.

    Raises UserError while it is queued or active, or while another such run starts from one of its checkpoints.
    """
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=run.pk)
        if run.state not in TERMINAL:
            raise UserError(f"{run.name} is {run.state.label.lower()}. Stop it first.")
        if user := dependents_of(run.pk).first():
            raise UserError(f"{user.name} needs a checkpoint of {run.name}. Wait for it, or stop it, first.")
        folder = run.folder
        deleting_run.send(Run, run=run)
        run.delete()
        transaction.on_commit(lambda: shutil.rmtree(folder, ignore_errors=True))


def describe_problems(config: RunConfig) -> str:
    """What a run trains on, in a few words."""
    if isinstance(config.method, PreferenceMethod):
        return _describe_rankings(config.method)
    match config.problems:
        case BuiltinProblems(level=level):
            return f"built-in, {level}"
        case ImportedProblems(slug=slug):
            name = ProblemSet.objects.filter(slug=slug).values_list("name", flat=True).first()
            return name or slug
        case FileProblems(path=path):
            return path.rsplit("/", 1)[-1][:120]


def _describe_rankings(method: PreferenceMethod) -> str:
    match method.rankings:
        case BuiltinRankings(level=level):
            return f"built-in rankings, {level}"
        case ProjectRankings(slug=slug):
            return f"labels of {slug}"
        case RankingsFile(path=path):
            return path.rsplit("/", 1)[-1][:120]


def missing_sources(config: RunConfig) -> dict[str, str]:
    """What the config names but this installation does not have: path of the knob → sentence."""
    missing = {}
    for path, source in _named_checkpoints(config).items():
        if not Checkpoint.objects.filter(run=source.run, step=source.step, removed_at=None).exists():
            missing[path] = (
                f"Run {source.run} has no checkpoint of step {source.step} (any more). "
                "Choose one from the run's list of checkpoints."
            )
        elif source is config.model and Run.objects.filter(pk=source.run, method="reward_model").exists():
            missing["model.run"] = (
                f"Run {source.run} trained a reward model, which scores responses and writes none. "
                "Choose a policy's checkpoint."
            )
    problems = config.problems
    if isinstance(problems, ImportedProblems) and not ProblemSet.objects.filter(slug=problems.slug).exists():
        missing["problems.slug"] = (
            f"There is no problem set {problems.slug!r}. Import it on the Datasets page, or choose another."
        )
    rankings = config.method.rankings if isinstance(config.method, PreferenceMethod) else None
    if isinstance(rankings, ProjectRankings) and (error := label_facts(rankings.slug).error):
        missing["method.rankings.slug"] = error
    return missing


def _named_checkpoints(config: RunConfig) -> dict[str, CheckpointModel | RewardCheckpoint]:
    """Path of the knob → checkpoint that it names."""
    named: dict[str, object] = {"model.step": config.model}
    if isinstance(config.method, RlMethod):
        named["method.reward.learned.model.step"] = config.method.reward.learned.model
    elif isinstance(config.method, EvaluateMethod):
        named["method.learned.model.step"] = config.method.learned.model
    if isinstance(config.selection, Measured):
        named["selection.measured_by.step"] = config.selection.measured_by
    if isinstance(config.selection, RejectionSampling):
        named["selection.judge.step"] = config.selection.judge
    return {path: source for path, source in named.items() if isinstance(source, CheckpointModel | RewardCheckpoint)}
