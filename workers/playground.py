"""Answers questions of the playground: a child process writes while the page reads, and its words become the row's."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from training.config.chat import ChatConfig
from training.config.problems import ProblemSource
from webapp.core import job_states
from webapp.core.jobs import JobState
from webapp.machines.demand import Demand
from webapp.machines.devices import Gpu
from webapp.playground.answers import whole
from webapp.playground.models import Question
from webapp.playground.services import clear
from workers import failure
from workers.app import app
from workers.jobs import Work

TASK = "workers.playground.chat"
LIMIT_S = 600
"""Others wait behind it, who only want a look."""


@app.task(name=TASK)  # type: ignore[untyped-decorator]
def chat(question_id: int) -> None:
    """Answer a queued question. Returns at once when it is not queued, or another worker was first."""
    QuestionWork.carry(question_id)
    clear(question_id)


class QuestionWork(Work[Question, ChatConfig]):
    """What is a question's own."""

    kind = Question
    config_class = ChatConfig
    task = TASK
    command = "chat"
    niceness = 0  # somebody sits before it
    words = failure.CHAT

    def __init__(self, job: Question, gpus: Sequence[Gpu] = ()) -> None:
        super().__init__(job, gpus)
        self._deadline = time.monotonic() + LIMIT_S

    @property
    def out_file(self) -> str:
        return self.job.answers_file.name

    @property
    def problems(self) -> ProblemSource | None:
        return None

    @classmethod
    def demand(cls, config: Mapping[str, Any]) -> Demand:
        """No GPU of its own: it is answered beside the run that has it."""
        return Demand(uses_gpu=False)

    def devices(self) -> dict[str, str]:
        return {"CUDA_VISIBLE_DEVICES": ""} if self.config.hardware.device == "cpu" else {}

    def prepare(self) -> None:
        """What a lost worker has left of an answer does not count, nor does what its child may still write."""
        self.job.answers_file.unlink(missing_ok=True)
        super().prepare()

    def heartbeat(self) -> bool | None:
        if time.monotonic() > self._deadline:
            words = f"It took longer than {LIMIT_S // 60} minutes and was given up. Ask for shorter or fewer responses."
            job_states.end(self.job, JobState.FAILED, words)
        total = len(self.config.models) * self.config.sampling.samples
        return job_states.heartbeat(self.job, whole(self.job.written()), total)

    def finish(self) -> None:
        job_states.succeed(self.job, {})
