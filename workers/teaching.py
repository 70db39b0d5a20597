"""Carries a teaching: a child process has a teacher solve problems, and what is kept becomes a problem set."""

from typing import Any

from training.config import HardwareConfig
from training.config.problems import ProblemSource
from training.config.teach import TeachConfig
from training.problems.types import read_problems
from training.teaching.figures import Follower
from training.teaching.lines import problems_file
from webapp.core import job_states
from webapp.core.jobs import JobState
from webapp.teaching import services
from webapp.teaching.models import TeachingJob
from workers.app import app
from workers.jobs import Work

NOTHING_KEPT = (
    "Not one solution was kept, so there is nothing to make a set of. See why below; then start another one with more "
    "answers a problem, longer answers, looser filters or another teacher."
)


@app.task(name="workers.teaching.teach")  # type: ignore[untyped-decorator]
def teach(job_id: int) -> None:
    """Carry a queued job to its end. Returns at once when it is not queued, or another worker was first."""
    TeachingWork.carry(job_id)


class TeachingWork(Work[TeachingJob, TeachConfig]):
    """What is a teaching's own."""

    kind = TeachingJob
    config_class = TeachConfig
    command = "teach"

    def __init__(self, job: TeachingJob) -> None:
        super().__init__(job)
        self._follower = Follower(job.lines_file)

    @property
    def out_file(self) -> str:
        return self.job.lines_file.name

    @property
    def problems(self) -> ProblemSource | None:
        return self.config.problems

    @property
    def hardware(self) -> HardwareConfig:
        return self.config.hardware

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
