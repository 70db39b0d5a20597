"""Everything that the strengths page tells of the sources of responses, as it is kept in store: plain JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from webapp.labeling.aggregation import SourceRanking, wins_of
from webapp.labeling.choices import Mode
from webapp.labeling.comparison_graph import comparison_graph
from webapp.labeling.estimates import Estimate
from webapp.labeling.models import LabelProject
from webapp.labeling.ratings import ELO_START, elo, trueskill
from webapp.labeling.stored_labels import labeled_items, ranks_of
from webapp.labeling.strengths import ELO_PER_LOG_STRENGTH, Strengths, bradley_terry, plackett_luce

Json = dict[str, Any]
MOST_SOURCES = 60
"""Sources whose strengths are told, those compared most; fits and matrices grow with their square."""
UNNAMED = "(no source named)"


def strengths_report(project: LabelProject) -> Json:
    """All fits; takes about 5 s for 1,000 items with three rankings each of eight sources."""
    rankings = list(source_rankings(project))
    rankings, left_out = _narrowed(rankings)
    graph = comparison_graph(wins_of(rankings))
    skills = trueskill(rankings)
    return {
        "rankings": len(rankings),
        "items": len({each.item for each in rankings}),
        "left_out": left_out,
        "sources": list(graph.sources),
        "wins": [list(row) for row in graph.wins],
        "islands": [list(names) for names in graph.islands],
        "unbeaten": list(graph.unbeaten),
        "winless": list(graph.winless),
        "bradley_terry": _strengths(bradley_terry(rankings)),
        "plackett_luce": _strengths(plackett_luce(rankings)),
        "elo": {name: each.as_json() for name, each in elo(rankings).items()},
        "trueskill": {row.source: asdict(row) | {"conservative": row.conservative} for row in skills.rows},
        "rated": {"rankings": skills.rated, "every": skills.every},
    }


def source_rankings(project: LabelProject) -> Iterator[SourceRanking]:
    """What each label that counts says of the sources of its item's responses; an adjudicated one stands alone."""
    mode = Mode(project.mode)
    for labeled in labeled_items(project):
        sources = tuple(response.source or UNNAMED for response in labeled.responses)
        if len(set(sources)) < 2:
            continue
        for annotation in labeled.verdicts:
            ranks = ranks_of(mode, annotation, len(sources))
            if ranks is not None:
                yield SourceRanking(str(labeled.item.pk), sources, ranks)


def _narrowed(rankings: list[SourceRanking]) -> tuple[list[SourceRanking], int]:
    """The rankings among the sources that occur most, and how many sources that leaves out."""
    counts: dict[str, int] = {}
    for ranking in rankings:
        for name in set(ranking.sources):
            counts[name] = counts.get(name, 0) + 1
    kept = set(sorted(counts, key=lambda name: (-counts[name], name))[:MOST_SOURCES])
    if len(kept) == len(counts):
        return rankings, 0
    narrowed = []
    for ranking in rankings:
        places = [place for place, name in enumerate(ranking.sources) if name in kept]
        if len({ranking.sources[place] for place in places}) > 1:
            sources, ranks = zip(*((ranking.sources[place], ranking.ranks[place]) for place in places), strict=True)
            narrowed.append(SourceRanking(ranking.item, sources, ranks))
    return narrowed, len(counts) - len(kept)


def _strengths(found: Strengths) -> Json:
    rows = [asdict(row) | {"elo": _on_elos_scale(row.log_strength).as_json()} for row in found.rows]
    return {
        "rows": rows,
        "n": found.n,
        "alpha": found.alpha,
        "regularised_resamples": found.regularised_resamples,
        "reason": found.reason,
    }


def _on_elos_scale(log_strength: Estimate) -> Estimate:
    """1,500 for the mean of all sources."""

    def scaled(value: float | None) -> float | None:
        return None if value is None else ELO_START + value * ELO_PER_LOG_STRENGTH

    return Estimate(
        scaled(log_strength.value), log_strength.n, scaled(log_strength.low), scaled(log_strength.high),
        log_strength.reason, log_strength.left_out,
    )  # fmt: skip
