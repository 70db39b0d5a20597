"""The figures of an evaluation, from its summed-up answers: plain values for JSON, to be stored, shown and exported."""

from collections.abc import Mapping, Sequence
from typing import Any

from training.algorithms.estimators import (
    MAJORITY_DRAWS,
    Estimate,
    bootstrap_interval,
    curve_points,
    doublings,
    majority,
    majority_at_k,
    mcnemar,
    mean_interval,
    pass_at_k,
)
from training.algorithms.tallies import Tally
from webapp.evals.tallying import UNSORTED, Answers, Tallies

Json = dict[str, Any]
BINS = 10
"""Bars of the histogram of pass rates, where there are more samples than that."""
MOST_DRAWS = 10_000
"""Choices of k answers, over all problems, for maj@k: they make it uncertain by half a point at most."""
SOLVED = 0.5
"""Share of votes or of right samples from which a problem counts as solved, for McNemar's test."""


def both_ways(answers: Answers, levels: Mapping[str, str]) -> Json:
    """Figures as graded, and with overrides where there are any."""
    return {
        "graded": describe(answers.graded, levels) if answers.graded else None,
        "overridden": describe(answers.overridden, levels) if answers.overridden else None,
    }


def describe(tallies: Tallies, levels: Mapping[str, str]) -> Json:
    """Everything a page shows of these problems."""
    every = list(tallies.values())
    samples = min(tally.samples for tally in every)
    return {
        "problems": len(every),
        "samples": samples,
        **_summary(every, samples),
        "curve": [[k, *_triple(_solved(every, k))] for k in curve_points(samples)],
        "maj_curve": [[k, *_triple(_agreed(every, k))] for k in doublings(samples)],
        "levels": [
            {"level": level, "problems": len(group), **_summary(group, samples)}
            for level, group in _by_level(tallies, levels)
        ],
        "histogram": histogram(every),
    }


def histogram(tallies: Sequence[Tally]) -> list[Json]:
    """How many problems have which pass rate: a bar for each possible count of right samples, or `BINS` bars."""
    samples = max(tally.samples for tally in tallies)
    each = samples <= BINS
    bars = samples + 1 if each else BINS
    counts = [0] * bars
    for tally in tallies:
        place = round(tally.share * samples) if each else int(tally.right * BINS / tally.samples)
        counts[min(place, bars - 1)] += 1
    edges = [(i / samples, i / samples) if each else (i / bars, (i + 1) / bars) for i in range(bars)]
    return [{"low": low, "high": high, "count": count} for (low, high), count in zip(edges, counts, strict=True)]


def paired(first: Tallies, second: Tallies) -> Json | None:
    """Second less first over the problems that both answered; None without any."""
    shared = [name for name in first if name in second]
    if not shared:
        return None
    pairs = [(first[name], second[name]) for name in shared]
    agreed = [(majority(a.votes) > SOLVED, majority(b.votes) > SOLVED) for a, b in pairs]
    only_first, only_second = sum(a and not b for a, b in agreed), sum(b and not a for a, b in agreed)
    return {
        "problems": len(shared),
        "avg": _triple(bootstrap_interval([b.share - a.share for a, b in pairs])),
        "maj": _triple(bootstrap_interval([majority(b.votes) - majority(a.votes) for a, b in pairs])),
        "only_first": only_first,
        "only_second": only_second,
        "mcnemar": mcnemar(only_first, only_second),
        "differences": {name: second[name].share - first[name].share for name in shared},
    }


def _summary(tallies: Sequence[Tally], samples: int) -> Json:
    sampled = sum(tally.samples for tally in tallies)
    greedy = [float(tally.greedy) for tally in tallies if tally.greedy is not None]
    return {
        "answers": sampled,
        "avg": _triple(mean_interval([tally.share for tally in tallies], sampled)),
        "pass": _triple(_solved(tallies, samples)),
        "maj": _triple(mean_interval([majority(tally.votes) for tally in tallies])),
        "greedy": _triple(mean_interval(greedy)) if greedy else None,
        "tokens_mean": sum(tally.tokens for tally in tallies) / sampled,
        "truncated_share": sum(tally.truncated for tally in tallies) / sampled,
        "unanswered_share": sum(_unanswered(tally) for tally in tallies) / sampled,
    }


def _solved(tallies: Sequence[Tally], k: int) -> Estimate:
    return mean_interval([pass_at_k(tally.samples, tally.right, min(k, tally.samples)) for tally in tallies])


def _agreed(tallies: Sequence[Tally], k: int) -> Estimate:
    draws = min(max(MOST_DRAWS // len(tallies), 10), MAJORITY_DRAWS)
    return mean_interval([majority_at_k(tally.votes, k, draws) for tally in tallies])


def _unanswered(tally: Tally) -> int:
    return sum(count for (answer, _), count in tally.votes.items() if answer is None)


def _by_level(tallies: Tallies, levels: Mapping[str, str]) -> list[tuple[str, list[Tally]]]:
    groups: dict[str, list[Tally]] = {}
    for name, tally in tallies.items():
        groups.setdefault(levels.get(name) or UNSORTED, []).append(tally)
    return sorted(groups.items())


def _triple(estimate: Estimate) -> list[float]:
    return [estimate.value, estimate.low, estimate.high]
