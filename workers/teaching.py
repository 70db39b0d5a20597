"""Carries a teaching: a child process has a teacher solve problems, and what is kept becomes a problem set."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from training.config.problems import ProblemSource
from training.config.teach import ModelTeacher, TeachConfig
from training.problems.types import read_problems
from training.teaching.figures import Follower
from training.teaching.lines import problems_file
from webapp.core import job_states
from webapp.core.jobs import JobState
from webapp.machines.demand import Demand
from webapp.machines.devices import Gpu
from webapp.teaching import services
from webapp.teaching.models import TeachingJob
from workers.app import app
from workers.jobs import Work

TASK = "workers.teaching.teach"
NOTHING_KEPT = (
    "Not one solution was kept, so there is nothing to make a set of. See why below; then start another one with more "
    "answers a problem, longer answers, looser filters or another teacher."
)


@app.task(name=TASK)  # type: ignore[untyped-decorator]
def teach(job_id: int) -> None:
    """Carry a queued job to its end. Returns at once when it is not queued, or another worker was first."""
    TeachingWork.carry(job_id)


class TeachingWork(Work[TeachingJob, TeachConfig]):
    """What is a teaching's own."""

    kind = TeachingJob
    config_class = TeachConfig
    task = TASK
    command = "teach"

    def __init__(self, job: TeachingJob, gpus: Sequence[Gpu] = ()) -> None:
        super().__init__(job, gpus)
        self._follower = Follower(job.lines_file)

    @classmethod
    def demand(cls, config: Mapping[str, Any]) -> Demand:
        """No GPU where teacher and rewriter are endpoints elsewhere."""
        with suppress(ValidationError):  # whoever carries it will say so
            read = TeachConfig.model_validate(config)
            if not any(isinstance(each, ModelTeacher) for each in (read.teacher, read.rewriter)):
                return Demand(uses_gpu=False)
        return super().demand(config)

    @property
    def out_file(self) -> str:
        return self.job.lines_file.name

    @property
    def problems(self) -> ProblemSource | None:
        return self.config.problems

    def heartbeat(self) -> bool | None:
        figures: dict[str, Any] = self._follower.figures()
        told = {"report": figures} if figures else {}
        return job_states.heartbeat(self.job, figures.get("settled", 0), figures.get("problems", 0), **told)

    def finish(self) -> None:
        figures = self._follower.figures()
        if not figures.get("solutions"):
            job_states.end(self.job, JobState.FAILED, NOTHING_KEPT)
            return
        services.finish(self.job, read_problems(problems_file(self.job.lines_file)), figures)
