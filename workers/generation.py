"""Carries a generation: a child process answers the prompts into a file, and the file becomes items of its project."""

import shutil

from training.config import CheckpointModel
from training.config.generate import GenerationConfig, SetPrompts
from training.config.problems import ProblemSource
from webapp.core import job_states
from webapp.labeling.choices import Mode
from webapp.labeling.generation import services
from webapp.labeling.generation.assembling import assemble, progress_of
from webapp.labeling.generation.job import GenerationJob
from webapp.runs.models import Run
from workers.app import app
from workers.jobs import Work

TASK = "workers.generation.generate"


@app.task(name=TASK)  # type: ignore[untyped-decorator]
def generate(job_id: int) -> None:
    """Carry a queued job to its end. Returns at once when it is not queued, or another worker was first."""
    GenerationWork.carry(job_id)


class GenerationWork(Work[GenerationJob, GenerationConfig]):
    """What is a generation's own."""

    kind = GenerationJob
    config_class = GenerationConfig
    task = TASK
    command = "generate"

    @property
    def out_file(self) -> str:
        return "responses.jsonl"

    @property
    def problems(self) -> ProblemSource | None:
        prompts = self.config.prompts
        return prompts.problems if isinstance(prompts, SetPrompts) else None

    def heartbeat(self) -> bool | None:
        return job_states.heartbeat(self.job, *progress_of(self.job.folder / self.out_file))

    def finish(self) -> None:
        runs = {each.source.run for each in self.config.models if isinstance(each.source, CheckpointModel)}
        left = set(Run.objects.filter(pk__in=runs).values_list("pk", flat=True))
        mode = Mode(self.job.project.mode)
        done = assemble(self.config, mode, self.job.folder / self.out_file, self.job.pk, left)
        if services.finish(self.job, done):
            shutil.rmtree(self.job.folder, ignore_errors=True)
