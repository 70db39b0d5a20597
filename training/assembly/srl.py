"""Builds supervised reinforcement learning."""

import logging
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack

from training.assembly.engines import context_of
from training.assembly.learned import learned_reward, reference_of
from training.assembly.parts import Parts
from training.assembly.rl import loop_parts
from training.assembly.sampling import sampled_experience, sampling_engine
from training.config import AgenticConfig, SrlMethod
from training.errors import InputError
from training.experience.scoring import Scorer
from training.experience.steps import StepExperience, task_ids
from training.experience.types import Group
from training.methods.srl import SrlTraining
from training.sampling.types import Engine, SamplingParams
from training.srl.tasks import Task, Tasks, reasons_of, tasks_of
from training.stream import ShuffledStream

logger = logging.getLogger("training")


def srl(parts: Parts, method: SrlMethod, stack: ExitStack) -> SrlTraining:
    sampling = method.sampling
    engine = sampling_engine(parts, sampling.max_rows, AgenticConfig())
    reference = reference_of(parts, method)
    learned = learned_reward(parts, method, reference)
    scorer, experience = sampled_experience(parts, engine, method.reward, sampling.max_tokens, stack, learned=learned)
    steps = StepExperience(method, engine, parts.codec, scorer, parts.recorder, parts.processes)
    found = expert_tasks(parts, method)
    stream = ShuffledStream(fitting(parts, found.tasks, sampling.max_tokens), parts.config.seed)
    problems = ShuffledStream(parts.problems.train, parts.config.seed)
    loop = loop_parts(parts, method, problems, engine, scorer, experience, reference)
    return SrlTraining(method, stream, found.refused, steps, *loop)


def expert_tasks(parts: Parts, method: SrlMethod) -> Tasks:
    """What the training problems give to predict. Raises InputError with the reasons when they give nothing."""
    try:
        found = tasks_of(parts.problems.train, method)
    except ValueError as error:  # of a pattern of the user's own
        raise InputError(str(error)) from error
    reasons = "; ".join(reasons_of(found.refused))
    if not found.tasks:
        raise InputError(f"no training problem gives a step to learn: {reasons}; cut solutions by another steps.rule")
    if found.refused:
        logger.warning("%d training problems give no step to learn: %s", len(found.refused), reasons)
    logger.info("%d targets to learn, of %d problems", len(found.tasks), len({task.problem.id for task in found.tasks}))
    return found


def step_groups(
    parts: Parts, method: SrlMethod, engine: Engine, scorer: Scorer, params: SamplingParams, count: int
) -> tuple[list[Group], float]:
    """A few groups as training would meet them, and the seconds that sampling took."""
    steps = StepExperience(method, engine, parts.codec, scorer, parts.recorder, parts.processes)
    tasks = fitting(parts, expert_tasks(parts, method).tasks, params.max_tokens)
    chosen = random.Random(params.seed).sample(tasks, min(count, len(tasks)))
    began = time.perf_counter()
    groups = steps.gather(chosen, params)
    return groups, time.perf_counter() - began


def fitting(parts: Parts, tasks: Sequence[Task], max_tokens: int) -> list[Task]:
    """The tasks whose prompt leaves room for `max_tokens` in the context."""
    context = context_of(parts.policy.model, parts.config.hardware)
    if context is None:
        return list(tasks)
    room = context - max_tokens
    kept = [
        task
        for task in tasks
        if (len(task_ids(task, parts.codec)) <= room if task.turns else
            parts.codec.prompt_fits(task.prompt, room, task.given))
    ]  # fmt: skip
    if not kept:
        raise InputError(f"no step leaves room for {max_tokens} tokens in the context of {context}")
    if len(kept) < len(tasks):
        logger.warning("%d of %d steps left out: too long", len(tasks) - len(kept), len(tasks))
    return kept
