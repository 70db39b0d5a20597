"""Supervised fine-tuning: the likelihood of worked solutions is raised; the prompt is read, never learned."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from training.agent.demonstrations import demonstration
from training.agent.templates import TurnTemplate
from training.algorithms.losses import negative_log_likelihood
from training.batching import Example, micro_batches, share_of_work
from training.codec import Codec
from training.config import SftMethod
from training.distributed import Processes
from training.errors import InputError
from training.evaluation import Evaluator
from training.events.types import Phase
from training.methods.types import Outcome
from training.optimiser import Optimiser
from training.policy import Policy
from training.problems.types import Problem
from training.recorder import Recorder
from training.sampling.types import Engine
from training.stream import ShuffledStream


class SftTraining:
    """One step: take the next solutions, and make one update on the mean loss of their tokens."""

    phases: tuple[Phase, ...] = ("updating",)

    def __init__(
        self,
        config: SftMethod,
        solutions: "Solutions",
        heldout: "Solutions",
        policy: Policy,
        optimiser: Optimiser,
        micro_batch_tokens: int,
        recorder: Recorder,
        processes: Processes,
        engine: Engine,
        evaluator: Evaluator | None,
        seed: int,
    ) -> None:
        self._config = config
        self._solutions = solutions
        self._heldout = heldout.examples
        self._stream = ShuffledStream(solutions.examples, seed)
        self._policy = policy
        self._optimiser = optimiser
        self._micro_batch_tokens = micro_batch_tokens
        self._recorder = recorder
        self._processes = processes
        self._engine = engine
        self._evaluator = evaluator
        self._tokens_learned = 0

    def step(self, step: int) -> Outcome:
        """One update on the next solutions."""
        examples = self._stream.take(self._config.sequences_per_step)
        with self._recorder.phase("updating"):
            loss = self._loss(examples, backward=True)
            grad_norm = self._optimiser.update(step)
        self._engine.update_weights(step)
        tokens = sum(example.predicted for example in examples)
        self._tokens_learned += tokens
        return Outcome(
            {
                "optim/loss": loss,
                "optim/grad_norm": grad_norm,
                "optim/learning_rate": self._optimiser.rate(step),
                "data/too_long": self._solutions.too_long,
                "data/epoch": self._stream.drawn / len(self._solutions.examples),
                "tokens/step": tokens,
                "tokens/total": self._tokens_learned,
            }
        )

    def evaluate(self) -> Outcome | None:
        """Held-out loss, and held-out accuracy where there are answers. The score is the negative loss."""
        outcome = self._evaluator.evaluate() if self._evaluator else Outcome({})
        if self._heldout:
            with self._recorder.phase("evaluating"), torch.no_grad():
                loss = self._loss(self._heldout, backward=False)
            outcome = replace(outcome, metrics=outcome.metrics | {"heldout/loss": loss}, score=-loss)
        return outcome if outcome.metrics else None

    def state_dict(self) -> dict[str, Any]:
        """What the next step depends on besides the weights and the optimiser."""
        return {"solutions": self._stream.drawn, "tokens": self._tokens_learned}

    def load_state_dict(self, state: dict[str, Any], step: int) -> None:
        """Continue after `step`."""
        self._stream.drawn, self._tokens_learned = state["solutions"], state["tokens"]
        self._engine.update_weights(step)

    def _loss(self, examples: Sequence[Example], backward: bool) -> float:
        """Mean negative log-likelihood of all learned tokens, over all processes; each runs its share."""
        weight = 1 / sum(example.predicted for example in examples)
        mine = [examples[i] for i in share_of_work(examples, self._processes.rank, self._processes.count)]
        total = 0.0
        batches = micro_batches(mine, self._micro_batch_tokens, padded=not self._policy.packed)
        for places in self._processes.in_step(batches, backward and self._policy.shards is not None):
            if not places:
                self._policy.take_part()
                continue
            logprobs = self._policy.statistics([mine[place] for place in places]).logprobs
            loss = negative_log_likelihood(logprobs, torch.full_like(logprobs, weight))
            if backward:
                loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        return sum(self._processes.gather(total))


class Solutions:
    """Worked solutions as examples to learn from, without those that are too long.

    Of a solution of several turns, the model's are learned, and what its tools said is only read.
    """

    def __init__(self, problems: Sequence[Problem], codec: Codec, max_length: int) -> None:
        template = TurnTemplate(codec) if any(len(problem.turns) > 1 for problem in problems) else None
        encoded = [_example(problem, codec, template) for problem in problems if problem.turns or problem.solution]
        self.examples = [example for example in encoded if len(example) <= max_length]
        self.too_long = len(encoded) - len(self.examples)

    def require_some(self, max_length: int) -> None:
        """Raise InputError when there is nothing to learn from."""
        if self.examples:
            return
        if self.too_long:
            raise InputError(f"all {self.too_long} training solutions are longer than max_length ({max_length} tokens)")
        raise InputError(
            "none of the training problems has a worked solution to learn from; "
            "choose a set with solutions, or train with grpo, which needs answers only"
        )


def _example(problem: Problem, codec: Codec, template: TurnTemplate | None) -> Example:
    if template is not None and problem.turns:
        return demonstration(problem, codec, template)
    text = problem.turns[0].text if problem.turns else problem.solution or ""
    return Example(codec.prompt_ids(problem.prompt), codec.response_ids(text))
