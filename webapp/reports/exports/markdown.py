"""A report as Markdown: question, answers, results table, what the arms differ in, the runs."""

from collections.abc import Iterable, Sequence

from webapp.reports.built import Built
from webapp.reports.exports.safe import markdown_text
from webapp.reports.exports.tables import result_lines
from webapp.reports.grid import GridRow, axis_labels, grid_rows
from webapp.runs.templatetags.runs import knob


def report_markdown(built: Built) -> str:
    """All of it but the curves."""
    definition = built.definition
    parts = [f"# {markdown_text(definition.title)}", markdown_text(definition.question), built.state, built.one_seed]
    if built.answers:
        parts += ["## Answers", "\n".join(f"- **{answer.label}.** {markdown_text(answer.asked)} "
                                          f"{markdown_text(answer.said)}" for answer in built.answers)]  # fmt: skip
    if rows := grid_rows(built):
        parts += ["## Settings", _settings(built, rows)]
    parts += ["## Results", _results(built)]
    if built.differing:
        parts += ["## What the arms differ in", _differing(built)]
    parts += ["## Runs", _runs(built)]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts that are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _results(built: Built) -> str:
    head = [markdown_text(built.results.info.title), *(markdown_text(arm.title) for arm in built.definition.arms)]
    lines = result_lines(built.results)
    return table(head, ([markdown_text(line.heading), *map(markdown_text, line.cells)] for line in lines))


def _settings(built: Built, rows: Sequence[GridRow]) -> str:
    axes = [f"`{path}`" for path, _ in axis_labels(built)]
    return table(
        [*axes, "Seeds", "Final", "95 % interval", "Difference"],
        ([markdown_text(cell) for cell in (*row.values, row.seeds, *row.words)] for row in rows),
    )


def _differing(built: Built) -> str:
    head = ["Knob", *(markdown_text(arm.title) for arm in built.definition.arms)]
    return table(
        head, ([f"`{row.path}`", *(markdown_text(str(knob(v))) for v in row.values)] for row in built.differing)
    )


def _runs(built: Built) -> str:
    return table(
        ["Arm", "Seed", "Run", "State", "Step"],
        (
            [markdown_text(cell.arm.title), str(cell.seed), str(cell.run.pk), cell.run.state.label, str(cell.run.step)]
            if cell.run and cell.counts
            else [markdown_text(cell.arm.title), str(cell.seed), "–", "missing", "–"]
            for cell in built.cells
        ),
    )
