"""The knobs that a grid can be made of, for the page of a new run."""

from functools import cache

from django import template

from webapp.reports.sweeps.reading import by_path
from webapp.runs.configure.words import label_of

register = template.Library()


@register.simple_tag
@cache
def grid_knobs() -> list[tuple[str, str]]:
    """Path and label of each, in the order of the form."""
    return [(path, label_of(knobs[0].name)) for path, knobs in by_path().items()]
