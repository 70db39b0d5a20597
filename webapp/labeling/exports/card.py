"""The card that goes with exported labels: what they are, how they were given, how far annotators agree."""

from collections import Counter
from dataclasses import dataclass, field

from webapp.labeling.agreement import exact_agreement, krippendorff_alpha, pair_agreement, relaxed_agreement
from webapp.labeling.choices import AnnotationKind, Mode
from webapp.labeling.estimates import Estimate
from webapp.labeling.exports.records import COLUMNS, MEANINGS
from webapp.labeling.exports.selection import EVERYTHING, Selection
from webapp.labeling.label_table import Label
from webapp.labeling.models import LabelProject
from webapp.labeling.stored_labels import as_label, pseudonym
from webapp.reports.exports.safe import markdown_text


@dataclass(slots=True)
class _Counts:
    items: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    annotators: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    labels: list[Label] = field(default_factory=list)


def card(project: LabelProject, selection: Selection = EVERYTHING) -> str:
    """Markdown, of the labels that go into the files. Names nobody: annotators are counted only."""
    counts, mode = _count(project, selection), Mode(project.mode)
    lines = [
        f"# {markdown_text(project.name)}",
        "",
        f"{mode.label}: labels of {counts.items} of {project.items.count()} items, {project.overlap} wanted for each.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {kind.label} | {counts.kinds[kind]} |" for kind in AnnotationKind),
        f"| Annotators | {len(counts.annotators)} |",
        *(f"| Responses of {markdown_text(name) or 'unnamed sources'} | {n} |" for name, n in counts.sources.items()),
        "",
        "## How far annotators agree",
        "",
        *_agreement(counts.labels),
        "",
        "## How the labels were given",
        "",
        "Annotators saw prompts and responses only, in an order drawn for each of them. Labels that were taken back "
        "are left out. Where an item was adjudicated, that label stands for the others in `pairs`; `rankings` and "
        "`table` hold them all, with their `kind`, and repeats too: one and the same annotator's second label of an "
        "item, seen in reverse, which tells how steady they are and is no further opinion.",
        "",
        "## What was taken",
        "",
        *(f"- {words}" for words in selection.words()),
        "",
        "## Columns",
        "",
    ]
    for name, columns in COLUMNS.items():
        lines += [f"**{name}**: {MEANINGS[name]} Columns: {', '.join(f'`{column}`' for column in columns)}.", ""]
    if project.instructions.strip():
        lines += ["## Instructions to annotators", "", project.instructions.strip(), ""]
    return "\n".join(lines)


def _count(project: LabelProject, selection: Selection) -> _Counts:
    counts = _Counts()
    for labeled in selection.items(project):
        counts.items += 1
        counts.sources.update(response.source for response in labeled.responses)
        for annotation in labeled.annotations:
            counts.kinds[annotation.kind] += 1
            counts.annotators[pseudonym(annotation)] += 1
            label = as_label(Mode(project.mode), labeled, annotation)
            if label is not None and annotation.kind == AnnotationKind.LABEL:
                counts.labels.append(label)
    return counts


def _agreement(labels: list[Label]) -> list[str]:
    figures = {
        "Exact agreement": exact_agreement(labels),
        "Relaxed agreement": relaxed_agreement(labels),
        "Pairs ordered alike": pair_agreement(labels),
        "Krippendorff's alpha (ordinal)": krippendorff_alpha(labels, "ordinal"),
    }
    return [f"- {name}: {_words(figure)}" for name, figure in figures.items()]


def _words(figure: Estimate) -> str:
    if figure.value is None:
        return f"unknown. {figure.reason}"
    interval = f" (95 % interval {figure.low:.3f} to {figure.high:.3f})" if figure.low is not None else ""
    return f"{figure.value:.3f}{interval}, n = {figure.n}"
