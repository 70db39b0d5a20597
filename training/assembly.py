"""Builds a run's training method out of its parts."""

from contextlib import ExitStack
from dataclasses import dataclass

from training.codec import Codec
from training.config import GrpoMethod, RunConfig
from training.distributed import Processes
from training.evaluation import Evaluator
from training.experience.direct import DirectExperience
from training.experience.scoring import Scorer
from training.methods.policy_update import PolicyUpdater
from training.methods.rl import GrpoTraining
from training.methods.types import Method
from training.optimiser import Optimiser
from training.policy import Policy, Reference
from training.recorder import Recorder
from training.rewards.verifier import Verifier
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import SamplingParams
from training.seeds import derive_seed
from training.sources import Problems
from training.stream import ShuffledStream

SFT_REWARD_TIMEOUT_S = 3.0


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


def build_method(parts: Parts, stack: ExitStack) -> Method:
    """The method that the config names; what it has to close is closed with `stack`."""
    assert isinstance(parts.config.method, GrpoMethod)
    return _grpo(parts, parts.config.method, stack)


def _grpo(parts: Parts, method: GrpoMethod, stack: ExitStack) -> GrpoTraining:
    engine = TorchEngine(parts.policy.model, max_rows=method.sampling.max_rows)
    verifier = stack.enter_context(Verifier(workers=1, timeout_s=method.reward.verifier_timeout_s))
    scorer = Scorer(method.reward, method.sampling.max_tokens, verifier)
    experience = DirectExperience(engine, parts.codec, scorer, parts.recorder, parts.processes)
    reference = Reference(parts.policy) if method.loss.kl_coefficient else None
    updater = PolicyUpdater(
        method,
        parts.policy,
        reference,
        parts.optimiser,
        parts.config.optimisation.micro_batch_tokens,
        parts.recorder,
        parts.processes,
    )
    return GrpoTraining(
        method,
        parts.config.seed,
        ShuffledStream(parts.problems.train, parts.config.seed),
        experience,
        engine,
        scorer,
        updater,
        reference,
        _evaluator(parts, experience, method.sampling.max_tokens),
    )


def _evaluator(parts: Parts, experience: DirectExperience, max_tokens: int) -> Evaluator | None:
    """None when there are no held-out problems, or evaluation is off."""
    evaluation = parts.config.evaluation
    if not evaluation.every_steps or not parts.problems.heldout:
        return None
    asked = ShuffledStream(parts.problems.heldout, parts.config.seed)
    params = SamplingParams(
        n=evaluation.samples,
        max_tokens=evaluation.max_tokens or max_tokens,
        temperature=evaluation.temperature,
        stop_ids=parts.codec.stop_ids,
        seed=derive_seed(parts.config.seed, "evaluation"),
    )
    problems = asked.take(min(evaluation.problems, len(parts.problems.heldout)))
    return Evaluator(experience, problems, params, parts.recorder)
