"""A look before the leap: samples a few prompts with the model as it is, and says what training would have met."""

import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.algorithms.advantages import EQUAL_SPREAD
from training.assembly import (
    Parts,
    answerable,
    learned_reward,
    reference_of,
    sampled_experience,
    sampling_engine,
    step_groups,
)
from training.assembly.selection import select_problems
from training.codec import Codec
from training.config import (
    AgenticConfig,
    EvaluateMethod,
    GrpoMethod,
    PreferenceMethod,
    RejectionSampling,
    RlMethod,
    RunConfig,
    SftMethod,
    SrlMethod,
)
from training.devices import choose_device
from training.distributed import Processes
from training.errors import InputError
from training.experience.types import Group
from training.health import TRUNCATED_SHARE, ZERO_VARIANCE_SHARE
from training.methods.ranked_items import RankedItems
from training.methods.sft import Solutions
from training.problems.types import Problem
from training.ranking_sources import load_labels
from training.recorder import Recorder
from training.sampling.types import SamplingParams
from training.seeds import derive_seed
from training.sources import load_model, load_problems
from training.stopping import StopSignal

PROMPTS = 16
BINS = 20
TOO_LONG_SHARE = 0.1
"""Share of solutions left out for their length that deserves a word."""

Report = dict[str, Any]


def preflight(config: RunConfig, folder: Path) -> Report:
    """The report, as plain values for JSON. Raises InputError like a run would."""
    began = time.perf_counter()
    method = config.method
    if isinstance(method, EvaluateMethod):
        raise InputError("an evaluation trains nothing, so there is nothing to look at before; just run it")
    device = choose_device(config.hardware)
    problems = load_problems(config, folder)
    parts = Parts.of(config, problems, *load_model(config, device), Recorder(), Processes())
    with ExitStack() as stack:
        if isinstance(method, PreferenceMethod):
            report = _of_rankings(parts.codec, method, config.seed, folder)
        else:
            report = _of_grpo(parts, method, stack) if isinstance(method, RlMethod) else _of_sft(parts, method)
    return report | {"method": method.kind, "seconds": time.perf_counter() - began}


def _of_grpo(parts: Parts, method: RlMethod, stack: ExitStack) -> Report:
    sampling = method.sampling
    agentic = method.agentic if isinstance(method, GrpoMethod) else AgenticConfig()
    engine = sampling_engine(parts, sampling.max_rows, agentic)
    reference = reference_of(parts, method) if method.reward.learned.anchored else None
    learned = learned_reward(parts, method, reference)
    scorer, experience = sampled_experience(parts, engine, method.reward, sampling.max_tokens, stack, agentic, learned)
    seed = derive_seed(parts.config.seed, "preflight")
    params = SamplingParams(
        n=sampling.samples_per_prompt,
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        stop_ids=experience.stop_ids,
        seed=seed,
    )
    if isinstance(method, SrlMethod) and method.granularity != "answer":
        groups, seconds = step_groups(parts, method, engine, scorer, params, PROMPTS)
    else:
        train = answerable(parts, parts.problems.train, sampling.max_tokens)
        chosen = _some(parts, train)
        began = time.perf_counter()
        groups = experience.gather(chosen, [params] * len(chosen))
        seconds = time.perf_counter() - began
    report = describe(groups, sampling.max_tokens)
    return report | {"tokens_per_s": sum(report["lengths"]) / seconds, "sampling_seconds": seconds}


def _some(parts: Parts, train: Sequence[Problem]) -> list[Problem]:
    """A few problems, chosen by the seed."""
    seed = derive_seed(parts.config.seed, "preflight")
    return random.Random(seed).sample(train, min(PROMPTS, len(train)))


def describe(groups: Sequence[Group], max_tokens: int) -> Report:
    """Figures, warnings and responses of some groups."""
    rollouts = [rollout for group in groups for rollout in group.rollouts]
    lengths = [len(rollout) for rollout in rollouts]
    figures = {
        "prompts": len(groups),
        "responses": len(rollouts),
        "accuracy": _mean([rollout.correct is True for rollout in rollouts]),
        "steps": all(group.expert is not None for group in groups),
        "rewards": {part: _mean([rollout.parts[part] for rollout in rollouts]) for part in rollouts[0].parts},
        "reward_mean": _mean([rollout.reward for rollout in rollouts]),
        "equal_reward_share": _mean([max(g.rewards) - min(g.rewards) <= EQUAL_SPREAD for g in groups]),
        "truncated_share": _mean([rollout.truncated for rollout in rollouts]),
        "no_answer_share": _mean([rollout.extracted is None for rollout in rollouts]),
    }
    samples = [
        {
            "problem_id": group.problem.id,
            "prompt": group.problem.prompt,
            "answer": group.problem.answer if group.expert is None else group.expert.task.target,
            "responses": [
                {
                    "text": rollout.text,
                    "reward": rollout.reward,
                    "parts": rollout.parts,
                    "correct": rollout.correct,
                    "extracted": rollout.extracted,
                    "finish_reason": rollout.finish_reason,
                    "length": len(rollout),
                }
                for rollout in group.rollouts
            ],
        }
        for group in groups
    ]
    return {
        **figures,
        "lengths": lengths,
        "histogram": histogram(lengths, max_tokens),
        "max_tokens": max_tokens,
        "warnings": warnings(figures),
        "samples": samples,
    }


def warnings(figures: Report) -> list[dict[str, str]]:
    """What the figures warn of, each as a message and an advice."""
    found = []
    if figures["truncated_share"] > TRUNCATED_SHARE:
        found.append((f"{figures['truncated_share']:.0%} of responses reach the cap.", "Raise max_tokens."))
    if figures["steps"]:
        found += _of_steps(figures)
    elif figures["accuracy"] == 0:
        advice = "Choose easier problems, another prompt template, or fine-tune on solutions first."
        found.append(("No response was right, so there is nothing to reinforce.", advice))
    elif figures["equal_reward_share"] > ZERO_VARIANCE_SHARE:
        level = "harder" if figures["accuracy"] > 0.5 else "easier"
        message = f"{figures['equal_reward_share']:.0%} of groups have equal rewards and would teach nothing."
        found.append((message, f"Choose {level} problems, more samples per prompt, dynamic sampling, or a search."))
    if figures["no_answer_share"] > 0.5 and not figures["steps"]:
        message = f"{figures['no_answer_share']:.0%} of responses mark no answer the verifier could read."
        found.append((message, "Ask for \\boxed{} or <answer> in the prompt, or reward the format."))
    return [{"message": message, "advice": advice} for message, advice in found]


def _of_steps(figures: Report) -> list[tuple[str, str]]:
    """Where experts' steps are predicted, nothing is right or wrong, but like them or not."""
    found = []
    if figures["no_answer_share"] > 0.5:
        message = f"{figures['no_answer_share']:.0%} of responses have another form than a step is read off."
        found.append((message, "Choose the other form of a response, or fine-tune on solutions first."))
    if figures["equal_reward_share"] > ZERO_VARIANCE_SHARE:
        message = f"{figures['equal_reward_share']:.0%} of groups have equal rewards and would teach nothing."
        found.append((message, "Choose harder problems, more samples per prompt, or a higher temperature."))
    return found


def histogram(lengths: Sequence[int], cap: int) -> dict[str, list[int]]:
    """Counts of lengths in `BINS` equal bins up to the cap: edges [bins + 1] and counts [bins]."""
    bins = min(BINS, cap)
    edges = [round(cap * i / bins) for i in range(bins + 1)]
    counts = [0] * bins
    for length in lengths:
        counts[min(max(length - 1, 0) * bins // cap, bins - 1)] += 1
    return {"edges": edges, "counts": counts}


def _of_sft(parts: Parts, method: SftMethod) -> Report:
    """How the solutions fit into the longest length; nothing is sampled unless the run makes its own."""
    if isinstance(parts.config.selection, RejectionSampling):
        few = _some(parts, parts.problems.train)
        parts = replace(parts, problems=parts.problems._replace(train=few))
        parts = select_problems(parts, StopSignal(), told=True)
    every = Solutions(parts.problems.train, parts.codec, max_length=2**62)
    every.require_some(method.max_length)
    lengths = [len(example) for example in every.examples]
    return {"solutions": len(lengths)} | _lengths(lengths, method.max_length, "solutions")


def _of_rankings(codec: Codec, method: PreferenceMethod, seed: int, folder: Path) -> Report:
    """How the longest response of each ranked prompt fits; nothing is sampled."""
    labels = load_labels(method, seed, folder)
    every = RankedItems.of([*labels.rankings.train, *labels.rankings.heldout], codec, 2**62)
    every.require_some(method.max_length)
    lengths = [max(len(example) for example in item.examples) for item in every.items]
    counts = {"labels": labels.count, "prompts": len(lengths), "undecided": every.undecided}
    return counts | _lengths(lengths, method.max_length, "ranked prompts")


def _lengths(lengths: Sequence[int], longest: int, what: str) -> Report:
    """Against the longest that is learned from."""
    share = _mean([length > longest for length in lengths])
    found = []
    if share > TOO_LONG_SHARE:
        message = f"{share:.0%} of the {what} are longer than max_length and will be left out."
        found.append({"message": message, "advice": f"Raise max_length; the longest has {max(lengths)} tokens."})
    return {
        "too_long_share": share,
        "lengths": lengths,
        "histogram": histogram(lengths, max(*lengths, longest)),
        "max_tokens": longest,
        "warnings": found,
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
