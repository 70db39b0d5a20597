"""Everything that the agreement page tells of a project's labels, as it is kept in store: plain JSON."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from webapp.labeling import agreement
from webapp.labeling.agreement import exact_agreement, relaxed_agreement
from webapp.labeling.breakdowns import (
    by_length_gap,
    by_order_shown,
    median_seconds,
    position_bias,
    takes_part,
    too_fast,
)
from webapp.labeling.choices import AnnotationKind
from webapp.labeling.collected import Collected, collect
from webapp.labeling.estimates import Estimate, undefined
from webapp.labeling.label_table import Label
from webapp.labeling.models import Annotation, LabelProject
from webapp.labeling.readings import FIGURES
from webapp.labeling.rubric_agreement import criterion_alpha, criterion_exact
from webapp.labeling.values import Criterion

Json = dict[str, Any]
MOST_ANNOTATORS = 40
"""Those with most labels have a row each."""
MOST_PAIRED = 6
"""Annotators of whom every two have a kappa."""
TIME_EDGES = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
"""Seconds; the last bin has no end."""
NO_REPEATS = "No label was repeated in mirrored order."
MORE_THAN_TWO = "More than two annotators: Fleiss' kappa is for all of them, and below there is one for every two."

MEASURES: dict[str, Callable[[Iterable[Label]], Estimate]] = {
    "exact": exact_agreement,
    "relaxed": relaxed_agreement,
    "pairs": agreement.pair_agreement,
    "cohen": lambda labels: _only_kappa(list(labels)),
    "fleiss": agreement.fleiss_kappa,
    "alpha": agreement.krippendorff_alpha,
    "tau": agreement.kendall_tau,
    "rho": agreement.spearman_rho,
    "w": agreement.kendall_w,
}
"""By the key of `readings.FIGURES`."""


def agreement_report(project: LabelProject) -> Json:
    """All figures; takes 2 s for 1,000 items with three rankings each of eight responses."""
    found = collect(project)
    repeated = [label for labels in found.repeats.values() for label in labels]
    every = [each for given in found.given.values() for each in given]
    return {
        "counts": _counts(found),
        "origins": [{"name": name, **counts} for name, counts in sorted(found.origins.items(), key=_most_items)],
        "figures": {
            each.key: each.why_not(found.mode) or MEASURES[each.key](found.labels).as_json() for each in FIGURES
        },
        "annotators": _annotators(found, project.too_fast_seconds),
        "kappas": _kappas(found),
        "gaps": _gaps(found.labels),
        "order": {name: each.as_json() for name, each in by_order_shown(found.labels, relaxed_agreement).items()},
        "position": position_bias(found.labels).as_json(),
        "consistency": {
            "exact": _repeated(exact_agreement, repeated),
            "relaxed": _repeated(relaxed_agreement, repeated),
        },
        "time": _time(every, project.too_fast_seconds),
        "rubric": [_criterion(found, each) for each in map(Criterion.model_validate, project.rubric)],
    }


def _counts(found: Collected) -> Json:
    labels = found.kinds[AnnotationKind.LABEL]
    return {
        "items": found.items,
        "twice": found.twice,
        "labels": labels,
        "repeats": found.kinds[AnnotationKind.REPEAT],
        "adjudicated": found.kinds[AnnotationKind.ADJUDICATED],
        "unordered": labels - len(found.labels),
        "annotators": len(found.given),
    }


def _gaps(labels: list[Label]) -> list[Json]:
    both = zip(by_length_gap(labels, relaxed_agreement), by_length_gap(labels, exact_agreement), strict=True)
    return [
        {"low": gap.low, "high": gap.high, "relaxed": gap.agreement.as_json(), "exact": exact.agreement.as_json()}
        for gap, exact in both
    ]


def _criterion(found: Collected, criterion: Criterion) -> Json:
    return {
        "label": criterion.label,
        "exact": criterion_exact(found.points(criterion.key)).as_json(),
        "alpha": criterion_alpha(found.points(criterion.key), criterion.lowest, criterion.highest).as_json(),
    }


def _most_items(row: tuple[str, Counter[str]]) -> tuple[int, str]:
    return -row[1]["items"], row[0]


def _only_kappa(labels: list[Label]) -> Estimate:
    """Of the only two annotators."""
    if len({label.annotator for label in labels}) > 2:
        return undefined(MORE_THAN_TWO)
    return next(iter(agreement.cohen_kappas(labels).values()), undefined(agreement.NO_OVERLAP))


def _repeated(measure: Callable[[Iterable[Label]], Estimate], labels: list[Label]) -> Json:
    return (measure(labels) if labels else undefined(NO_REPEATS)).as_json()


def _annotators(found: Collected, threshold: float) -> list[Json]:
    """Those with most labels first."""
    names = sorted(found.given, key=lambda name: (-len(found.given[name]), name))[:MOST_ANNOTATORS]
    rows = []
    for name in names:
        own = [label for label in found.labels if label.annotator == name]
        items = {label.item for label in own}
        shared = [label for label in found.labels if label.item in items]
        rows.append(
            {
                "name": name,
                "labels": sum(each.kind == AnnotationKind.LABEL for each in found.given[name]),
                "exact": exact_agreement(shared, takes_part(name)).as_json(),
                "relaxed": relaxed_agreement(shared, takes_part(name)).as_json(),
                "position": position_bias(own).as_json(),
                "consistency": _repeated(exact_agreement, found.repeats.get(name, [])),
                "time": _quartiles(found.given[name]),
                "too_fast": too_fast(found.given[name], threshold).as_json(),
            }
        )
    return rows


def _kappas(found: Collected) -> list[Json]:
    """Cohen's kappa of every two of those with most choices."""
    numbers = Counter(label.annotator for label in found.labels if label.choice is not None)
    chosen = {name for name, _ in numbers.most_common(MOST_PAIRED)}
    labels = [label for label in found.labels if label.annotator in chosen and label.choice is not None]
    plain, weighted = agreement.cohen_kappas(labels), agreement.cohen_kappas(labels, "quadratic")
    return [
        {"one": one, "other": other, "plain": kappa.as_json(), "weighted": weighted[one, other].as_json()}
        for (one, other), kappa in plain.items()
    ]


def _time(given: list[Annotation], threshold: float) -> Json:
    seconds = np.array([each.seconds for each in given], float)
    counts = np.histogram(seconds, [*TIME_EDGES, np.inf])[0]
    return {
        "median": median_seconds(given).as_json(),
        "quartiles": _quartiles(given),
        "too_fast": too_fast(given, threshold).as_json(),
        "threshold": threshold,
        "bins": [
            {"low": low, "high": high, "count": int(count)}
            for low, high, count in zip(TIME_EDGES, [*TIME_EDGES[1:], None], counts, strict=True)
        ],
    }


def _quartiles(given: list[Annotation]) -> list[float]:
    """Seconds that a quarter, half and three quarters of the labels took at most; empty without labels."""
    return [float(each) for each in np.quantile([each.seconds for each in given], [0.25, 0.5, 0.75])] if given else []
