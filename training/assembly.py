"""Builds a run's training method out of its parts: the one place that knows what each method is made of."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training.agent.service import open_tools
from training.codec import Codec, stop_ids
from training.config import (
    AgenticConfig,
    DeepSearchMethod,
    GrpoMethod,
    RewardConfig,
    RlMethod,
    RunConfig,
    SearchConfig,
    SftMethod,
)
from training.contamination import refuse_overlap
from training.distributed import Processes
from training.errors import InputError
from training.evaluation import Evaluator
from training.experience.agentic import AgenticExperience
from training.experience.direct import DirectExperience
from training.experience.scoring import Scorer
from training.experience.tree import TreeExperience
from training.methods.deepsearch import DeepSearchTraining
from training.methods.hard_subset import HardProblems
from training.methods.policy_update import PolicyUpdater
from training.methods.reuse import SolutionReuse
from training.methods.rl import GrpoTraining
from training.methods.sft import SftTraining, Solutions
from training.methods.types import Method
from training.optimiser import Optimiser
from training.policy import Policy, Reference
from training.problems.types import Problem
from training.recorder import Recorder
from training.rewards.verifier import Verifier
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import Engine, SamplingParams
from training.search.journal import JOURNAL_FOLDER, SearchJournal
from training.seeds import derive_seed
from training.solutions.file import SOLUTIONS_FILE
from training.sources import Problems
from training.stream import ShuffledStream

logger = logging.getLogger("training")

VERIFIER_WORKERS = 1
"""Processes for symbolic algebra beside each trainer; numbers and words are compared without any."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What every method is built from."""

    config: RunConfig
    problems: Problems
    codec: Codec
    policy: Policy
    optimiser: Optimiser
    recorder: Recorder
    processes: Processes
    folder: Path | None = None
    """The run's, for what it keeps besides checkpoints; None keeps nothing."""

    @classmethod
    def of(
        cls,
        config: RunConfig,
        problems: Problems,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        recorder: Recorder,
        processes: Processes,
        folder: Path | None = None,
    ) -> Self:
        """The parts for this model."""
        packing = not isinstance(config.method, SftMethod) or config.method.packing
        return cls(
            config,
            problems,
            Codec(tokenizer, config.prompt, stop_ids(model, tokenizer), _turn_prefix(config)),
            Policy(model, config.hardware.dtype, packing),
            Optimiser(model, config.optimisation, config.steps, processes),
            recorder,
            processes,
            folder,
        )


def _turn_prefix(config: RunConfig) -> str:
    """What every turn of the model begins with."""
    agentic = getattr(config.method, "agentic", None)
    return agentic.prefix if agentic is not None and agentic.enabled else ""


def build_method(parts: Parts, stack: ExitStack) -> Method:
    """The method that the config names; what it has to close is closed with `stack`.

    Raises InputError when the problems do not suit it.
    """
    method = parts.config.method
    if isinstance(method, SftMethod):
        return _sft(parts, method, stack)
    if isinstance(method, DeepSearchMethod):
        return _deepsearch(parts, method, stack)
    if isinstance(method, GrpoMethod):
        return _grpo(parts, method, stack)
    raise InputError(f"the method {method.kind} does not train")


def _grpo(parts: Parts, method: GrpoMethod, stack: ExitStack) -> GrpoTraining:
    engine = sampling_engine(parts, method.sampling.max_rows, method.agentic)
    scorer, experience = sampled_experience(
        parts, engine, method.reward, method.sampling.max_tokens, stack, method.agentic
    )
    problems = answerable(parts, parts.problems.train, method.sampling.max_tokens)
    stream = ShuffledStream(problems, parts.config.seed)
    hard = HardProblems(method.hard_subset, problems)
    return GrpoTraining(method, hard, parts.recorder, *_loop_parts(parts, method, stream, engine, scorer, experience))


def _deepsearch(parts: Parts, method: DeepSearchMethod, stack: ExitStack) -> DeepSearchTraining:
    engine, longest = search_engine(parts, method.sampling.max_rows, method.search), method.sampling.max_tokens
    scorer, experience = sampled_experience(parts, engine, method.reward, longest, stack)
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
        *_loop_parts(parts, method, ShuffledStream(problems, parts.config.seed), engine, scorer, experience),
    )


def sampling_engine(parts: Parts, max_rows: int, agentic: AgenticConfig) -> TorchEngine:
    """An engine for responses of one turn or, with memory for those that wait for their tools, of several."""
    prefix_bytes = agentic.kv_cache_mib << 20 if agentic.enabled else 0
    return TorchEngine(parts.policy.model, max_rows=max_rows, prefix_bytes=prefix_bytes)


def search_engine(parts: Parts, max_rows: int, search: SearchConfig) -> TorchEngine:
    """An engine that keeps the prefixes of trees in memory."""
    return TorchEngine(parts.policy.model, max_rows=max_rows, prefix_bytes=search.prefix_cache_mib << 20)


def _loop_parts(
    parts: Parts,
    method: RlMethod,
    stream: ShuffledStream[Problem],
    engine: Engine,
    scorer: Scorer,
    experience: DirectExperience,
) -> tuple[Any, ...]:
    """What the loop of every reinforcement learning method is made of, in its order."""
    reference = Reference(parts.policy) if method.loss.kl_coefficient else None
    micro_batch = parts.config.optimisation.micro_batch_tokens
    updater = PolicyUpdater(
        method, parts.policy, reference, parts.optimiser, micro_batch, parts.recorder, parts.processes
    )
    evaluator = _evaluator(parts, experience, method.sampling.max_tokens)
    return (parts.config.seed, stream, experience, engine, scorer, updater, reference, evaluator)


def _sft(parts: Parts, method: SftMethod, stack: ExitStack) -> SftTraining:
    solutions = Solutions(parts.problems.train, parts.codec, method.max_length)
    solutions.require_some(method.max_length)
    engine = TorchEngine(parts.policy.model)
    _, experience = sampled_experience(parts, engine, RewardConfig(), method.max_length, stack)
    heldout = parts.problems.heldout[: parts.config.evaluation.problems]
    return SftTraining(
        method,
        solutions,
        Solutions(heldout, parts.codec, method.max_length),
        parts.policy,
        parts.optimiser,
        parts.config.optimisation.micro_batch_tokens,
        parts.recorder,
        parts.processes,
        engine,
        _evaluator(parts, experience, method.max_length),
        parts.config.seed,
    )


def sampled_experience(
    parts: Parts,
    engine: TorchEngine,
    reward: RewardConfig,
    max_tokens: int,
    stack: ExitStack,
    agentic: AgenticConfig | None = None,
) -> tuple[Scorer, DirectExperience]:
    """What samples responses, in conversations with tools where these are switched on, and scores them."""
    verifier = stack.enter_context(Verifier(workers=VERIFIER_WORKERS, timeout_s=reward.verifier_timeout_s))
    scorer = Scorer(reward, max_tokens, verifier)
    of_all = (engine, parts.codec, scorer, parts.recorder, parts.processes)
    if agentic is None or not agentic.enabled:
        return scorer, DirectExperience(*of_all)
    tools = open_tools(agentic, parts.config.prompt.tools, stack)
    return scorer, AgenticExperience(*of_all, agentic, tools)


def answerable(parts: Parts, problems: Sequence[Problem], max_tokens: int) -> list[Problem]:
    """The problems that have an answer, and whose prompt leaves room for `max_tokens` in the model's context."""
    context = getattr(parts.policy.model.config.get_text_config(), "max_position_embeddings", None)
    kept = [problem for problem in problems if problem.answer.strip()]
    if problems and not kept:
        raise InputError("none of the problems has an answer to check responses by")
    if context is not None:
        kept = [problem for problem in kept if parts.codec.prompt_fits(problem.prompt, context - max_tokens)]
    if problems and not kept:
        raise InputError(
            f"no prompt leaves room for {max_tokens} tokens in the model's context of {context}; lower max_tokens"
        )
    if len(kept) < len(problems):
        logger.warning("%d of %d problems left out: no answer, or too long", len(problems) - len(kept), len(problems))
    return kept


def _evaluator(parts: Parts, experience: DirectExperience, max_tokens: int) -> Evaluator | None:
    """None when there are no held-out problems to ask, or evaluation is off."""
    evaluation = parts.config.evaluation
    longest = evaluation.max_tokens or max_tokens
    with_answers = [problem for problem in parts.problems.heldout if problem.answer.strip()]
    if evaluation.every_steps and not with_answers:
        logger.warning("there are no held-out problems with answers, so held-out accuracy is not measured")
    if not evaluation.every_steps or not with_answers:
        return None
    refuse_overlap(parts.config, parts.problems)
    problems = answerable(parts, with_answers, longest)
    params = SamplingParams(
        n=evaluation.samples,
        max_tokens=longest,
        temperature=evaluation.temperature,
        stop_ids=parts.codec.stop_ids,
        seed=derive_seed(parts.config.seed, "evaluation"),
    )
    asked = ShuffledStream(problems, parts.config.seed).take(min(evaluation.problems, len(problems)))
    return Evaluator(experience, asked, params, parts.recorder)
