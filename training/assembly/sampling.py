"""The parts of methods that sample: engines, what scores responses, the problems that can be asked, the evaluator."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack

from training.agent.service import open_tools
from training.assembly.engines import context_of, engine_of
from training.assembly.parts import Parts
from training.config import AgenticConfig, RewardConfig, SearchConfig
from training.contamination import refuse_overlap
from training.errors import InputError
from training.evaluation import Evaluator
from training.experience.agentic import AgenticExperience
from training.experience.direct import DirectExperience
from training.experience.learned import LearnedReward
from training.experience.scoring import Scorer
from training.problems.repository import files_of
from training.problems.types import Problem
from training.rewards.verifier import Verifier
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import SamplingParams, StreamingEngine
from training.sampling.vllm_engine import MAX_ROWS
from training.seeds import derive_seed
from training.stream import ShuffledStream

logger = logging.getLogger("training")

VERIFIER_WORKERS = 1
"""Processes for symbolic algebra beside each trainer; numbers and words are compared without any."""


def sampling_engine(parts: Parts, max_rows: int, agentic: AgenticConfig) -> StreamingEngine:
    """An engine for responses of one turn or, with memory for those that wait for their tools, of several."""
    if not agentic.enabled:
        return _engine(parts, max_rows, 0)
    return _engine(parts, max_rows, agentic.kv_cache_mib << 20, agentic.kv_oversubscription)


def search_engine(parts: Parts, max_rows: int, search: SearchConfig) -> StreamingEngine:
    """An engine that keeps the prefixes of trees in memory."""
    return _engine(parts, max_rows, search.prefix_cache_mib << 20)


def evaluating_engine(parts: Parts) -> StreamingEngine:
    """An engine for methods that sample only to be evaluated; without evaluations it is never asked."""
    return _engine(parts, MAX_ROWS, 0) if parts.config.evaluation.every_steps else TorchEngine(parts.policy.model)


def _engine(parts: Parts, max_rows: int, prefix_bytes: int, oversubscription: float = 1.0) -> StreamingEngine:
    return engine_of(
        parts.policy.model,
        parts.config.hardware,
        max_rows=max_rows,
        prefix_bytes=prefix_bytes,
        oversubscription=oversubscription,
        folder=parts.folder,
        processes=parts.processes,
        shards=parts.policy.shards,
    )


def sampled_experience(
    parts: Parts,
    engine: StreamingEngine,
    reward: RewardConfig,
    max_tokens: int,
    stack: ExitStack,
    agentic: AgenticConfig | None = None,
    learned: LearnedReward | None = None,
) -> tuple[Scorer, DirectExperience]:
    """What samples responses, in conversations with tools where these are switched on, and scores them."""
    verifier = stack.enter_context(Verifier(workers=VERIFIER_WORKERS, timeout_s=reward.verifier_timeout_s))
    scorer = Scorer(reward, max_tokens, verifier, learned)
    of_all = (engine, parts.codec, scorer, parts.recorder, parts.processes)
    if agentic is None or not agentic.enabled:
        return scorer, DirectExperience(*of_all)
    tools = open_tools(agentic, parts.config.prompt, stack)
    return scorer, AgenticExperience(*of_all, agentic, *tools)


def answerable(parts: Parts, problems: Sequence[Problem], max_tokens: int, judged: bool = False) -> list[Problem]:
    """The problems that have an answer, and whose prompt leaves room for `max_tokens` in the context.

    Where responses are `judged` by their reference, a solution is enough.
    """
    context = context_of(parts.policy.model, parts.config.hardware)
    kept = _judgeable(parts, problems, judged)
    if problems and not kept:
        raise InputError(f"none of the problems has {_judge(parts)} to check responses by")
    if context is not None:
        kept = [problem for problem in kept if parts.codec.prompt_fits(problem.prompt, context - max_tokens)]
    if problems and not kept:
        raise InputError(f"no prompt leaves room for {max_tokens} tokens in the context of {context}; lower max_tokens")
    if len(kept) < len(problems):
        left_out = len(problems) - len(kept)
        logger.warning("%d of %d problems left out: without %s, or too long", left_out, len(problems), _judge(parts))
    return kept


def _judgeable(parts: Parts, problems: Sequence[Problem], judged: bool = False) -> list[Problem]:
    """Those with what responses are checked by: tests where agents work on repositories, answers everywhere else."""
    if not _runs_tests(parts):
        return [problem for problem in problems if problem.answer.strip() or (judged and problem.solution)]
    try:
        return [problem for problem in problems if files_of(problem) is not None]
    except ValueError as error:
        raise InputError(str(error)) from error


def _runs_tests(parts: Parts) -> bool:
    agentic = getattr(parts.config.method, "agentic", None)
    return parts.config.prompt.toolset == "repository" and agentic is not None and agentic.enabled


def _judge(parts: Parts) -> str:
    return "a repository with tests" if _runs_tests(parts) else "an answer"


def evaluator_of(parts: Parts, experience: DirectExperience, max_tokens: int) -> Evaluator | None:
    """None when there are no held-out problems to ask, or evaluation is off."""
    evaluation = parts.config.evaluation
    longest = evaluation.max_tokens or max_tokens
    judgeable = _judgeable(parts, parts.problems.heldout)
    if evaluation.every_steps and not judgeable:
        logger.warning("no held-out problem has %s, so held-out accuracy is not measured", _judge(parts))
    if not evaluation.every_steps or not judgeable:
        return None
    refuse_overlap(parts.config, parts.problems)
    problems = answerable(parts, judgeable, longest)
    params = SamplingParams(
        n=evaluation.samples,
        max_tokens=longest,
        temperature=evaluation.temperature,
        stop_ids=parts.codec.stop_ids,
        seed=derive_seed(parts.config.seed, "evaluation"),
    )
    asked = ShuffledStream(problems, parts.config.seed).take(min(evaluation.problems, len(problems)))
    return Evaluator(experience, asked, params, parts.recorder)
