"""Builds supervised fine-tuning."""

from contextlib import ExitStack

from training.assembly.parts import Parts, within_context
from training.assembly.sampling import evaluating_engine, evaluator_of, sampled_experience
from training.config import RewardConfig, SftMethod
from training.methods.sft import SftTraining, Solutions


def sft(parts: Parts, method: SftMethod, stack: ExitStack) -> SftTraining:
    longest = within_context(parts.model, method.max_length)
    solutions = Solutions(parts.problems.train, parts.codec, longest)
    solutions.require_some(longest)
    engine = evaluating_engine(parts)
    _, experience = sampled_experience(parts, engine, RewardConfig(), method.max_length, stack)
    heldout = parts.problems.heldout[: parts.config.evaluation.problems]
    return SftTraining(
        method,
        solutions,
        Solutions(heldout, parts.codec, longest),
        parts.policy,
        parts.optimiser,
        parts.config.optimisation.micro_batch_tokens,
        parts.recorder,
        parts.processes,
        engine,
        evaluator_of(parts, experience, method.max_length),
        parts.config.seed,
    )
