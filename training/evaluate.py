"""An evaluation as a run of its own: answers problems batch by batch, and trains nothing.

A step is a batch. What a killed evaluation has said of whole batches stands; a resumed one goes on after the last.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from training.algorithms.tallies import Tally
from training.assembly import Parts, answer_scores, answerable, sampled_experience, sampling_engine
from training.config import EvaluateMethod, RewardConfig
from training.contamination import trained_keys, without_trained
from training.errors import InputError
from training.evaluation import ask, figures, tally_of, tally_of_event, tool_figures
from training.events import Alert, Finished, ProblemsAsked, Started
from training.experience.records import group_event
from training.experience.types import Group
from training.history import EVENTS_FILE, History, finished_batches
from training.problems.types import Problem
from training.sampling.types import SamplingParams
from training.search_answers import SearchAnswers
from training.seeds import derive_seed
from training.solutions.keys import problem_key
from training.stopping import StopSignal
from training.stream import ShuffledStream
from training.system import SystemGauge


@dataclass(frozen=True, slots=True)
class Asked:
    """The problems of an evaluation, and how many were left out of it."""

    problems: list[Problem]
    trained_on: int
    unusable: int


def evaluate(
    parts: Parts, folder: Path, history: History, resume: bool, stop: StopSignal, stack: ExitStack
) -> Literal["done", "stopped"]:
    """Answer what is left to answer. Raises InputError when there is nothing to ask."""
    method = parts.config.method
    if not isinstance(method, EvaluateMethod):
        raise TypeError(f"{method.kind} is no evaluation")
    asked = choose_problems(parts, method)
    told = finished_batches(folder / EVENTS_FILE) if resume else []
    # The first process may write before the others have read.
    tallies = parts.processes.gather([tally_of_event(group) for batch in told for group in batch])[0]
    return _Evaluation(parts, method, asked, tallies, stack).run(history.attempts + 1, stop)


def choose_problems(parts: Parts, method: EvaluateMethod) -> Asked:
    """The problems to ask, in an order that the seed decides; those that the model was trained on are left out."""
    pool = {
        "heldout": parts.problems.heldout,
        "train": parts.problems.train,
        "both": [*parts.problems.heldout, *parts.problems.train],
    }[method.split]
    if not pool:
        raise InputError(f"the problem set has no {method.split} problems; choose another split")
    clean = without_trained(pool, trained_keys(parts.config))
    if not clean:
        raise InputError(
            f"the model was trained on all {len(pool)} of these problems, so their figures would mean nothing; "
            "choose held-out problems, or another set"
        )
    usable = answerable(parts, clean, method.max_tokens)
    count = min(method.problems or len(usable), len(usable))
    chosen = ShuffledStream(usable, parts.config.seed).take(count)
    return Asked(chosen, len(pool) - len(clean), len(clean) - len(usable))


class _Evaluation:
    """The loop over batches."""

    def __init__(
        self, parts: Parts, method: EvaluateMethod, asked: Asked, tallies: list[Tally], stack: ExitStack
    ) -> None:
        self._parts = parts
        self._method = method
        self._asked = asked
        self._tallies = tallies
        self._gauge = SystemGauge(parts.policy.model.device)
        size = method.prompts_per_batch
        self._batches = [asked.problems[start : start + size] for start in range(0, len(asked.problems), size)]
        learned = method.learned.model_copy(update={"weight": 0.0})  # what is right is what counts
        reward = RewardConfig(verifier_timeout_s=method.verifier_timeout_s, learned=learned)
        engine = sampling_engine(parts, method.max_rows, method.agentic)
        scores = answer_scores(parts, learned)
        scorer, self._experience = sampled_experience(
            parts, engine, reward, method.max_tokens, stack, method.agentic, scores
        )
        search = method.search
        self._search = SearchAnswers(parts, method, search, scorer, self._experience) if search else None

    def run(self, attempt: int, stop: StopSignal) -> Literal["done", "stopped"]:
        recorder = self._parts.recorder
        batch = -(-len(self._tallies) // self._method.prompts_per_batch)
        recorder.step = batch
        self._greet(batch, attempt)
        stopping = self._parts.processes.any(stop.requested)
        while batch < len(self._batches) and not stopping:
            batch += 1
            self._answer(batch)
            stopping = self._parts.processes.any(stop.requested)
        reason: Literal["done", "stopped"] = "done" if batch == len(self._batches) else "stopped"
        recorder.emit(Finished(step=batch, reason=reason))
        return reason

    def _greet(self, batch: int, attempt: int) -> None:
        recorder, model, asked = self._parts.recorder, self._parts.policy.model, self._asked
        recorder.emit(
            Started(
                step=batch,
                attempt=attempt,
                total_steps=len(self._batches),
                resumed_step=batch or None,
                parameters=model.num_parameters(),
                device=str(model.device),
                processes=self._parts.processes.count,
            )
        )
        recorder.emit(
            ProblemsAsked(
                step=batch,
                ids=[problem.id for problem in asked.problems],
                keys=[problem_key(problem.prompt, problem.answer) for problem in asked.problems],
                levels=[problem.level for problem in asked.problems],
                splits=[problem.split for problem in asked.problems],
                trained_on=asked.trained_on,
                unusable=asked.unusable,
            )
        )
        for code, message, advice in self._remarks() if not batch else ():
            recorder.emit(Alert(step=0, code=code, severity="info", message=message, advice=advice))

    def _remarks(self) -> Iterator[tuple[str, str, str]]:
        """What a reader of the figures must know: code, message and advice."""
        if self._asked.trained_on:
            yield (
                "trained_on",
                f"{self._asked.trained_on:,} problems are left out: the model was trained on them.",
                "The figures are of the others; choose a set it has never seen to keep all.",
            )
        if self._search is not None:
            yield (
                "oracle_search",
                "The answers come from searches that the verifier guides, and it knows the reference answers.",
                "Compare the figures with those of other searches only; plain sampling shows the model by itself.",
            )

    def _answer(self, batch: int) -> None:
        recorder, problems = self._parts.recorder, self._batches[batch - 1]
        recorder.step = batch
        began = time.perf_counter()
        params = self._params(batch)
        if self._search is None:
            groups = ask(self._experience, problems, params, self._method.greedy)
        else:
            groups = self._search.answer(batch, problems, params)
        elapsed = time.perf_counter() - began
        self._report(batch, groups, elapsed)

    def _params(self, batch: int) -> SamplingParams:
        method = self._method
        return SamplingParams(
            n=method.samples,
            max_tokens=method.max_tokens,
            temperature=method.temperature,
            top_p=method.top_p,
            top_k=method.top_k,
            stop_ids=self._parts.codec.stop_ids,
            seed=derive_seed(self._parts.config.seed, "evaluate", batch),
        )

    def _report(self, batch: int, groups: list[Group], elapsed: float) -> None:
        """Answers first, then figures: a batch with figures is whole."""
        recorder = self._parts.recorder
        if self._parts.processes.is_first:
            for index, group in enumerate(groups):
                recorder.emit(group_event(group, batch, "heldout", index, self._parts.codec))
            for tree in self._search.trees(groups, batch) if self._search else ():
                recorder.emit(tree)
        fresh = [tally_of(group) for group in groups]
        self._tallies += fresh
        tokens = sum(group.tokens_sampled for group in groups)
        of_batch = figures(fresh)
        metrics = figures(self._tallies) | {
            "batch/pass_at_1": of_batch["heldout/pass_at_1"],
            "batch/length_mean": of_batch["heldout/length_mean"],
            "batch/problems": float(len(self._tallies)),
            "tokens/step": float(tokens),
            "time/step_s": elapsed,
            "speed/tokens_per_s": tokens / elapsed,
        }
        metrics |= tool_figures(groups, "batch") | self._experience.take_figures()
        recorder.metrics(metrics | self._gauge.read())
