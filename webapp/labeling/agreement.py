"""How far annotators agree: shares of equal labels, kappas, Krippendorff's alpha, rank correlations.

Every figure is an `Estimate` with a bootstrap interval over items, or None with the reason where it is undefined. The
coefficients are those of krippendorff and scipy. The latter loads slowly (half a second), so each function imports its
own: a web process that shows no statistics never pays.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import combinations
from math import isfinite, nan
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from webapp.labeling.estimates import RESAMPLES, Estimate, Places, estimate, ratio, undefined
from webapp.labeling.label_table import CHOICES, Label, Ranks, by_item

Pair = tuple[Label, Label]
Score = Callable[[Label, Label], tuple[float, float]]
"""Of two labels of an item: how much they agree, out of how much."""
Keep = Callable[[Label, Label], bool]
Weights = Literal["linear", "quadratic"] | None
Scale = Literal["nominal", "ordinal", "interval", "ratio"]
MOST_CELLS = 10_000_000
"""Counts that the resamples of one alpha may read together: about a second."""
LEAST_RESAMPLES = 100
NO_OVERLAP = "No item was labeled by two annotators."
NO_VARIANCE = "All labels are the same, so there is no chance agreement to compare with."
NO_CHOICES = "Labels are rankings; this figure is for choices between two."
ALL_TIED = "Two annotators never ranked the same responses without tying all of them."


def exact_agreement(labels: Iterable[Label], keep: Keep | None = None) -> Estimate:
    """Share of pairs of labels that are the same: the same of five choices, the same ranking."""
    return mean_over_pairs(labels, _same, NO_OVERLAP, keep)


def relaxed_agreement(labels: Iterable[Label], keep: Keep | None = None) -> Estimate:
    """The same for which response is better, clearly or slightly; a tie against a win counts 0.5.

    Rankings count by the pairs of responses in them.
    """
    return mean_over_pairs(labels, _relaxed, NO_OVERLAP, keep)


def pair_agreement(labels: Iterable[Label], keep: Keep | None = None) -> Estimate:
    """Share of pairs of responses ordered alike, of those that both annotators put in an order.

    Without ties it is (tau + 1) / 2.
    """
    return mean_over_pairs(labels, _ordered_alike, "Two annotators never both preferred one of two responses.", keep)


def kendall_tau(labels: Iterable[Label], keep: Keep | None = None) -> Estimate:
    """Kendall's tau-b, the mean over pairs of labels of an item; a ranking that ties everything has none."""
    from scipy.stats import kendalltau

    return _mean_correlation(labels, lambda one, other: kendalltau(one, other, variant="b"), keep)


def spearman_rho(labels: Iterable[Label], keep: Keep | None = None) -> Estimate:
    """Spearman's rho, tied responses at the mean of their ranks; the mean over the same pairs as `kendall_tau`."""
    from scipy.stats import spearmanr

    return _mean_correlation(labels, spearmanr, keep)


def kendall_w(labels: Iterable[Label]) -> Estimate:
    """Kendall's coefficient of concordance with its correction for ties, the mean over items of three responses up.

    W = Q / (m (K - 1)), where Q is Friedman's statistic of K responses ranked by m annotators.
    """
    from scipy.stats import friedmanchisquare

    @cache
    def concordance(rankings: tuple[Ranks, ...]) -> float:
        size = len(rankings[0])
        with np.errstate(all="ignore"):
            statistic = float(friedmanchisquare(*zip(*rankings, strict=True)).statistic)
        return statistic / (len(rankings) * (size - 1))

    values = []
    for row in by_item(labels):
        rankings = tuple(sorted(label.ranking for label in row))
        fits = len(row) > 1 and row[0].size > 2 and len({len(ranks) for ranks in rankings}) == 1
        informs = any(len(set(ranks)) > 1 for ranks in rankings)
        values.append(concordance(rankings) if fits and informs else nan)
    defined = [isfinite(value) for value in values]
    tops = [value if usable else 0.0 for value, usable in zip(values, defined, strict=True)]
    return ratio(tops, defined, "No item has three responses ranked by two annotators.")


def cohen_kappas(labels: Iterable[Label], weights: Weights = None) -> dict[tuple[str, str], Estimate]:
    """Cohen's kappa of every two annotators over the items that both labeled, on the whole scale of five choices."""
    items = by_item(labels)
    names = sorted({label.annotator for row in items for label in row})
    pairs: dict[tuple[str, str], list[tuple[int, int]]] = {pair: [] for pair in combinations(names, 2)}
    for row in items:
        chosen = [(label.annotator, label.choice) for label in row if label.choice is not None]
        for (one, first), (other, second) in combinations(chosen, 2):
            pairs[one, other].append((first - 1, second - 1))
    return {pair: _cohen_kappa(np.array(both, int).reshape(-1, 2), weights) for pair, both in pairs.items()}


def cohen_kappa_of_table(table: Any, weights: Weights = None) -> float:
    """Cohen's kappa of a square table of counts, one annotator's categories down, the other's across; NaN undefined.

    1 less the disagreement that is seen over what independent annotators would have (Cohen 1968).
    """
    from scipy.stats.contingency import expected_freq

    counts = np.asarray(table, float)
    used = (counts.sum(axis=0) > 0) | (counts.sum(axis=1) > 0)
    if used.sum() < 2:
        return nan
    places = np.arange(len(counts))
    apart = np.abs(np.subtract.outer(places, places))
    costs = {None: apart > 0, "linear": apart, "quadratic": apart**2}[weights]
    return float(1 - (costs * counts).sum() / (costs * expected_freq(counts)).sum())


def fleiss_kappa(labels: Iterable[Label]) -> Estimate:
    """Fleiss' kappa over the items with the most common number of choices (of equally common ones the larger)."""
    rows = [[label.choice for label in row if label.choice is not None] for row in by_item(labels)]
    numbers = Counter(len(row) for row in rows if len(row) > 1)
    if not numbers:
        return undefined(NO_OVERLAP if any(rows) or not rows else NO_CHOICES)
    modal = max(numbers, key=lambda number: (numbers[number], number))
    used = [row for row in rows if len(row) == modal]
    table = np.array([[row.count(choice) for choice in range(1, CHOICES + 1)] for row in used])
    return estimate(lambda at: fleiss_kappa_of_table(table[at]), len(used), NO_VARIANCE, len(rows) - len(used))


def fleiss_kappa_of_table(table: NDArray[Any]) -> float:
    """Fleiss' kappa of counts [items, categories] with equal sums of rows; NaN where one category took them all.

    Krippendorff's nominal alpha, which then differs by its correction for few ratings alone (Krippendorff 2004).
    """
    ratings = table.sum()
    return float(1 - (1 - alpha_of_counts(table, "nominal")) * ratings / (ratings - 1))


def krippendorff_alpha(labels: Iterable[Label], scale: Scale = "ordinal") -> Estimate:
    """Krippendorff's alpha; items may lack any annotator's label.

    What is rated is the choice, or in rankings each response with its competition rank.
    """
    rows = by_item(labels)
    units = max((label.size if label.ranks else 1 for row in rows for label in row), default=0)
    counts = np.zeros((len(rows), units, max(CHOICES, units)), int)
    for number, row in enumerate(rows):
        for label in row:
            values = label.ranking if label.choice is None else (label.choice,)
            for unit, value in enumerate(values):
                counts[number, unit, value - 1] += 1
    rated_twice = (counts.sum(axis=2) > 1).any(axis=1)
    used = counts[rated_twice]
    if not len(used):
        return undefined(NO_OVERLAP, left_out=len(rows))
    resamples = min(RESAMPLES, max(LEAST_RESAMPLES, MOST_CELLS // used.size))
    return estimate(
        lambda at: alpha_of_counts(used[at].reshape(-1, used.shape[2]), scale), len(used), NO_VARIANCE,
        len(rows) - len(used), resamples,
    )  # fmt: skip


def alpha_of_counts(counts: NDArray[Any], scale: Scale) -> float:
    """Krippendorff's alpha of counts [units, values], values 1, 2, …; NaN where all ratings are the same."""
    import krippendorff

    pairable = counts[counts.sum(axis=1) > 1]
    if np.count_nonzero(pairable.sum(axis=0)) < 2:
        return nan
    # Ratios are of the values themselves, which begin at 1.
    values = np.arange(1, counts.shape[1] + 1)
    return float(krippendorff.alpha(value_counts=pairable, value_domain=values, level_of_measurement=scale))


def mean_over_pairs(labels: Iterable[Label], score: Score, reason: str, keep: Keep | None = None) -> Estimate:
    """How much pairs of labels of the same item agree, of how much they could; ``keep`` narrows the pairs."""
    tops, bottoms = [], []
    for row in by_item(labels):
        kept = [pair for pair in combinations(row, 2) if keep is None or keep(*pair)]
        scores = [score(*pair) for pair in kept]
        tops.append(sum(top for top, _ in scores))
        bottoms.append(sum(bottom for _, bottom in scores))
    return ratio(tops, bottoms, reason)


def _mean_correlation(labels: Iterable[Label], measure: Callable[[Ranks, Ranks], Any], keep: Keep | None) -> Estimate:
    @cache  # Of few responses there are few rankings, and one call takes 0.2 ms.
    def coefficient(first: Ranks, second: Ranks) -> float:
        return float(measure(first, second).statistic)

    def score(one: Label, other: Label) -> tuple[float, float]:
        if one.size != other.size or len(set(one.ranking)) == 1 or len(set(other.ranking)) == 1:
            return 0.0, 0.0
        return coefficient(one.ranking, other.ranking), 1.0

    return mean_over_pairs(labels, score, ALL_TIED, keep)


def _same(one: Label, other: Label) -> tuple[float, float]:
    return float(one.choice == other.choice and one.ranking == other.ranking), 1.0


def _relaxed(one: Label, other: Label) -> tuple[float, float]:
    gaps = [abs(a - b) for a, b in _directions(one, other)]
    return len(gaps) - sum(gaps) / 2, float(len(gaps))


def _ordered_alike(one: Label, other: Label) -> tuple[float, float]:
    ordered = [a == b for a, b in _directions(one, other) if a and b]
    return float(sum(ordered)), float(len(ordered))


def _directions(one: Label, other: Label) -> Sequence[tuple[int, int]]:
    """For every two responses what each annotator said: -1 the first is better, 0 tie, 1 the second."""
    first, second = one.ranking, other.ranking
    if len(first) != len(second):
        return []
    return [
        ((first[i] > first[j]) - (first[i] < first[j]), (second[i] > second[j]) - (second[i] < second[j]))
        for i, j in combinations(range(len(first)), 2)
    ]


def _cohen_kappa(pairs: Places, weights: Weights) -> Estimate:
    def statistic(at: Places) -> float:
        cells = pairs[at, 0] * CHOICES + pairs[at, 1]
        return cohen_kappa_of_table(np.bincount(cells, minlength=CHOICES**2).reshape(CHOICES, CHOICES), weights)

    reason = NO_VARIANCE if len(pairs) else "The two labeled no item in common."
    return estimate(statistic, len(pairs), reason)
