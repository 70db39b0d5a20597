"""What an evaluation's answers are worth when a reward model picks the best of n of them, beside pass@n and maj@n.

Proxy is the learned reward by which answers are picked, gold whether the picked one is right (Gao et al., arXiv
2210.10760). Where gold falls while the proxy rises with n, the reward model is not to be followed that far.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from training.algorithms.estimators import bootstrap_interval, doublings, mean_interval
from training.algorithms.overoptimisation import best_of_n_kl, expected_best_of_n
from webapp.evals.figures import both_ways
from webapp.evals.tallying import Answers, answers_of, judged_answers, levels_of
from webapp.runs.models import Run

Json = dict[str, Any]
Scored = Mapping[str, Sequence[tuple[float, bool]]]
"""By problem: the learned reward of each sampled answer, and whether it is right."""


def figures_of(run: Run, answers: Answers) -> Json:
    """All figures of an evaluation, both ways; with those of the best of n where a reward model has scored."""
    figures = both_ways(answers, levels_of(run))
    if not has_learned(run):
        return figures
    verdicts = {each.rollout.pk: each.override.correct for each in judged_answers(run)} if answers.overrides else {}
    for name, changed in (("graded", {}), ("overridden", verdicts)):
        if figures[name]:
            figures[name]["best_of_n"] = best_of_n(read_scored(run, changed))
    return figures


def has_learned(run: Run) -> bool:
    """Whether a reward model scores the answers of an evaluation."""
    learned = run.config.get("method", {}).get("learned") or {}
    return bool(learned.get("model", {}).get("kind", "none") != "none")


def read_scored(run: Run, verdicts: Mapping[int, bool]) -> Scored:
    """Sampled answers that have a learned reward; `verdicts` are those that persons have changed, by rollout."""
    scored: dict[str, list[tuple[float, bool]]] = {}
    rows = answers_of(run).filter(greedy=False, parts__has_key="learned").order_by("pk")
    for problem, pk, correct, learned in rows.values_list(
        "group__prompt__problem_id", "pk", "correct", "parts__learned"
    ):
        scored.setdefault(problem, []).append((float(learned), verdicts.get(pk, correct is True)))
    return scored


def best_of_n(scored: Scored) -> list[Json]:
    """For n = 1, 2, 4, … and as many samples as every problem has: KL, gold and proxy with their 95 % intervals.

    Each problem gives the unbiased mean over all choices of n of its samples; the intervals are over problems.
    """
    if not scored:
        return []
    most = min(map(len, scored.values()))
    golds, proxies = [], []
    for samples in scored.values():
        rewards = [reward for reward, _ in samples]
        golds.append(expected_best_of_n(rewards, [float(right) for _, right in samples]))
        proxies.append(expected_best_of_n(rewards, rewards))
    found = []
    for n in doublings(most):
        gold = mean_interval([min(max(float(of[n - 1]), 0.0), 1.0) for of in golds])
        proxy = bootstrap_interval([float(of[n - 1]) for of in proxies])
        found.append({
            "n": n,
            "kl": best_of_n_kl(n),
            "gold": [gold.value, gold.low, gold.high],
            "proxy": [proxy.value, proxy.low, proxy.high],
        })  # fmt: skip
    return found
