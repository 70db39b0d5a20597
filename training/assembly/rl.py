"""Builds the methods of reinforcement learning."""

from contextlib import ExitStack
from typing import Any

from training.assembly.ahead import gathering_ahead
from training.assembly.learned import learned_reward, reference_of
from training.assembly.parts import Parts
from training.assembly.sampling import answerable, evaluator_of, sampled_experience, sampling_engine, search_engine
from training.config import DeepSearchMethod, GrpoMethod, RlMethod
from training.experience.direct import DirectExperience
from training.experience.scoring import Scorer
from training.experience.tree import TreeExperience
from training.methods.deepsearch import DeepSearchTraining
from training.methods.grpo import GrpoTraining
from training.methods.hard_subset import HardProblems
from training.methods.policy_update import PolicyUpdater
from training.methods.reuse import SolutionReuse
from training.problems.types import Problem
from training.recorder import Recorder
from training.reference import Reference
from training.sampling.types import Engine
from training.search.journal import JOURNAL_FOLDER, SearchJournal
from training.solutions.file import SOLUTIONS_FILE
from training.stream import ShuffledStream


def grpo(parts: Parts, method: GrpoMethod, stack: ExitStack) -> GrpoTraining:
    """Its loop; where sampling runs ahead, what samples batches is all its own, and the loop's is left to evaluate."""
    engine = sampling_engine(parts, method.sampling.max_rows, method.agentic)
    reference = reference_of(parts, method)
    scorer, experience = sampled_experience(
        parts,
        engine,
        method.reward,
        method.sampling.max_tokens,
        stack,
        method.agentic,
        learned_reward(parts, method, reference),
    )
    problems = answerable(parts, parts.problems.train, method.sampling.max_tokens)
    stream = ShuffledStream(problems, parts.config.seed)
    hard = HardProblems(method.hard_subset, problems)
    seed, _, _, *loop = loop_parts(parts, method, stream, engine, scorer, experience, reference)
    ahead = None
    recorder = parts.recorder
    if method.lag:
        ahead, experience = gathering_ahead(parts, method, stack)
        recorder = Recorder()
    return GrpoTraining(method, hard, recorder, ahead, seed, stream, experience, *loop)


def deepsearch(parts: Parts, method: DeepSearchMethod, stack: ExitStack) -> DeepSearchTraining:
    engine, longest = search_engine(parts, method.sampling.max_rows, method.search), method.sampling.max_tokens
    reference = reference_of(parts, method)
    learned = learned_reward(parts, method, reference)
    scorer, experience = sampled_experience(parts, engine, method.reward, longest, stack, learned=learned)
    journal = SearchJournal(parts.folder / JOURNAL_FOLDER if parts.folder else None, parts.processes.rank)
    trees = TreeExperience(
        engine, parts.codec, scorer, parts.recorder, parts.processes, method.sampling, method.search, journal
    )
    problems = answerable(parts, parts.problems.train, longest)
    file = parts.folder / SOLUTIONS_FILE if parts.folder else None
    return DeepSearchTraining(
        method,
        trees,
        HardProblems(method.hard_subset, problems),
        SolutionReuse(method.cache, parts.codec, scorer, file, longest, parts.processes),
        journal,
        parts.policy.model,
        parts.codec,
        parts.recorder,
        *loop_parts(parts, method, ShuffledStream(problems, parts.config.seed), engine, scorer, experience, reference),
    )


def loop_parts(
    parts: Parts,
    method: RlMethod,
    stream: ShuffledStream[Problem],
    engine: Engine,
    scorer: Scorer,
    experience: DirectExperience,
    reference: Reference | None,
) -> tuple[Any, ...]:
    """What the loop of every reinforcement learning method is made of, in its order."""
    micro_batch = parts.config.optimisation.micro_batch_tokens
    updater = PolicyUpdater(
        method, parts.policy, reference, parts.optimiser, micro_batch, parts.recorder, parts.processes
    )
    evaluator = evaluator_of(parts, experience, method.sampling.max_tokens)
    return (parts.config.seed, stream, experience, engine, scorer, updater, reference, evaluator)
