"""A report as one HTML file that needs no network, no script and no other file."""

from django.template.loader import render_to_string

from webapp.reports.built import Built
from webapp.reports.drawing import charts_of
from webapp.reports.exports.svg import chart_svg, legend_of
from webapp.reports.exports.tables import result_lines
from webapp.reports.grid import axis_labels, grid_rows
from webapp.reports.wording import AXIS_WORDS


def report_html(built: Built) -> str:
    """The whole page: question, answers, curves over each axis, results, differing knobs, runs."""
    axes = [
        (AXIS_WORDS[axis], [(chart, chart_svg(chart)) for chart in charts_of(built.evidence, axis) if chart.arms])
        for axis in built.definition.axes
    ]
    context = {
        "built": built,
        "axes": [(words, charts) for words, charts in axes if charts],
        "grid_axes": axis_labels(built),
        "grid_rows": grid_rows(built),
        "lines": result_lines(built.results),
        "legend": legend_of(built.definition),
    }
    return render_to_string("reports/export.html", context)
