"""What a list of trees can be narrowed by: its address says it."""

from collections.abc import Mapping
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet

from webapp.core.errors import UserError
from webapp.inspection.models import Prompt, Split
from webapp.runs.models import Run
from webapp.runs.views.common import run_numbers
from webapp.search.models import SearchTree

YES_NO = (("yes", "Yes"), ("no", "No"))
FOLDED = ("uniform", "exhausted", "stored", "pinned", "depth_min", "depth_max", "nodes_min", "nodes_max", "tokens_min",
          "tokens_max")  # fmt: skip
"""Filters that stand behind a fold until one of them is set."""


def _bound(column: str, lookup: str, label: str) -> django_filters.NumberFilter:
    """An end of a range. The pair shares one visible label, so each end says itself which it is."""
    widget = forms.NumberInput(attrs={"aria-label": label, "step": "1", "min": "0"})
    return django_filters.NumberFilter(
        column, lookup, label=label, widget=widget, decimal_places=0, max_digits=9, min_value=0
    )


def _flag(column: str, label: str, choices: Any = YES_NO) -> django_filters.ChoiceFilter:
    return django_filters.ChoiceFilter(column, choices=choices, empty_label="Any", label=label, method="with_flag")


class TreeFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    """Trees of one run, or of all."""

    run = django_filters.CharFilter(label="Runs", method="of_runs", max_length=200)
    q = django_filters.CharFilter(label="Problem", method="about", max_length=400)
    problem = django_filters.CharFilter("prompt__problem_id", label="Problem's id", max_length=120)
    split = django_filters.ChoiceFilter(choices=Split, empty_label="Any")
    solved = _flag("solved", "Solved")
    step_min = _bound("step", "gte", "Step from")
    step_max = _bound("step", "lte", "Step to")
    uniform = _flag("uniform", "Equal ends")
    exhausted = _flag("exhausted", "Exhausted")
    stored = _flag("stored", "Nodes kept", (("yes", "All nodes"), ("no", "Figures only")))
    pinned = _flag("pinned", "Pinned")
    depth_min = _bound("depth", "gte", "Depth from")
    depth_max = _bound("depth", "lte", "Depth to")
    nodes_min = _bound("nodes", "gte", "Nodes from")
    nodes_max = _bound("nodes", "lte", "Nodes to")
    tokens_min = _bound("tokens", "gte", "Tokens from")
    tokens_max = _bound("tokens", "lte", "Tokens to")

    class Meta:
        model = SearchTree
        fields: list[str] = []

    def of_runs(self, rows: QuerySet[SearchTree], _: str, numbers: str) -> QuerySet[SearchTree]:
        return rows.filter(run__in=run_numbers(numbers))

    def about(self, rows: QuerySet[SearchTree], _: str, words: str) -> QuerySet[SearchTree]:
        """Problems are looked up first: there are far fewer of them than trees."""
        asked = Prompt.objects.filter(Q(text__icontains=words) | Q(problem_id__icontains=words))
        if self.only_run is not None:
            asked = asked.filter(run=self.only_run)
        return rows.filter(prompt__in=asked.values("pk"))

    def with_flag(self, rows: QuerySet[SearchTree], name: str, value: str) -> QuerySet[SearchTree]:
        return rows.filter(**{name: value == "yes"})

    only_run: Run | None = None

    @property
    def is_unfolded(self) -> bool:
        return any(self.data.get(name) for name in FOLDED)


def filtered(run: Run | None, asked: Mapping[str, str]) -> TreeFilter:
    """The filter for an address's values; ``step`` stands for both ends of the range of steps."""
    values = {name: value for name, value in asked.items() if name in TreeFilter.base_filters and value != ""}
    if asked.get("step"):
        values |= {"step_min": asked["step"], "step_max": asked["step"]}
    rows = SearchTree.objects.all()
    if run is not None:
        values.pop("run", None)
        rows = rows.filter(run=run)
    chosen = TreeFilter(values, rows)
    chosen.only_run = run
    return chosen


def chosen_rows(run: Run | None, asked: Mapping[str, str]) -> QuerySet[SearchTree]:
    """The trees an address lets through. Raises UserError where it holds a mistake."""
    chosen = filtered(run, asked)
    if not chosen.is_valid():
        raise UserError("The filters of this list hold a mistake. Mend it in the list, then export.")
    rows: QuerySet[SearchTree] = chosen.qs
    return rows
