"""The list of a run's rollouts: narrowed, searched, sorted and paged by its address."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import django_filters
from django import forms
from django.db.models import F, QuerySet
from django.db.models.functions import Left

from webapp.core.paging import Page, keyset_page
from webapp.inspection.models import Rollout, Split, Verdict
from webapp.inspection.prompts import problem_text, prompt_frame
from webapp.inspection.search import Snippet, matching, snippets
from webapp.runs.models import Run

SORTS = {"step": "Step", "reward": "Reward", "length": "Length", "advantage": "Advantage"}
"""Each has an index; a ``-`` before turns the order round."""
DEFAULT_SORT = "-step"
UNTRAINED = frozenset({"sft", "evaluate"})
"""Methods whose training samples nothing: their rollouts are held-out ones."""
PAGE_SIZE = 50
EXTRACTED_CHARACTERS = 60
FINISH = (("stop", "Ended by itself"), ("length", "Truncated"), ("abort", "Aborted"))
SOURCES = (("0", "Sampled"), ("1", "From the cache"))

_WHOLE = {"decimal_places": 0, "max_digits": 9}


def _bound(column: str, lookup: str, label: str, **options: int) -> django_filters.NumberFilter:
    """An end of a range. The pair shares one visible label, so each end says itself which it is."""
    widget = forms.NumberInput(attrs={"aria-label": label, "step": "1" if options else "any"})
    return django_filters.NumberFilter(column, lookup, label=label, widget=widget, **options)


class RolloutFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    """What a list of rollouts can be narrowed by."""

    split = django_filters.ChoiceFilter(choices=Split, empty_label=None)
    q = django_filters.CharFilter(label="Text", method="search_text", max_length=400)
    verdict = django_filters.ChoiceFilter(choices=Verdict, empty_label="Any", method="with_verdict")
    finish = django_filters.ChoiceFilter("finish_reason", choices=FINISH, empty_label="Any", label="Ending")
    cached = django_filters.ChoiceFilter(choices=SOURCES, empty_label="Any", label="Source")
    reward_min = _bound("reward", "gte", "Reward from")
    reward_max = _bound("reward", "lte", "Reward to")
    step_min = _bound("step", "gte", "Step from", **_WHOLE)
    step_max = _bound("step", "lte", "Step to", **_WHOLE)
    length_min = _bound("length", "gte", "Tokens from", **_WHOLE)
    length_max = _bound("length", "lte", "Tokens to", **_WHOLE)

    class Meta:
        model = Rollout
        fields: list[str] = []

    def search_text(self, rows: QuerySet[Rollout], name: str, value: str) -> QuerySet[Rollout]:
        return rows.filter(matching(value))

    def with_verdict(self, rows: QuerySet[Rollout], name: str, value: str) -> QuerySet[Rollout]:
        return rows.filter(correct=Verdict(value).correct)


@dataclass(frozen=True)
class Listing:
    """A page of the list, or the mistakes in its address."""

    run: Run
    filter: RolloutFilter
    sort: str
    page: Page[Rollout]
    snippets: dict[int, Snippet] = field(default_factory=dict)
    """Where the searched words stand, by rollout."""

    @property
    def is_narrowed(self) -> bool:
        return any(self.filter.data.get(name) for name in RolloutFilter.base_filters if name != "split")

    @property
    def offers_cached(self) -> bool:
        """Whether verified solutions may be among the run's rollouts; an address may ask for them of any run."""
        return self.run.method == "deepsearch" or bool(self.filter.data.get("cached"))

    @property
    def query(self) -> str:
        return str(self.filter.data.get("q", "")).strip()

    @property
    def lacks_advantages(self) -> bool:
        """Whether the sort asks for what rollouts of this split never have."""
        return self.sort.endswith("advantage") and self.filter.data.get("split") != Split.TRAIN


def filtered(run: Run, asked: Mapping[str, str]) -> RolloutFilter:
    """The filter for an address's values. Without a split, that of the run's newest rollouts of training, if any."""
    values = {name: value for name, value in asked.items() if name in RolloutFilter.base_filters}
    if not values.get("split"):
        values["split"] = Split.HELDOUT if run.method in UNTRAINED else Split.TRAIN
    return RolloutFilter(values, Rollout.objects.filter(run=run))


def sort_of(asked: Mapping[str, str]) -> str:
    sort = asked.get("sort", DEFAULT_SORT)
    return sort if sort.removeprefix("-") in SORTS else DEFAULT_SORT


def read_listing(run: Run, asked: Mapping[str, str]) -> Listing:
    """The page that an address asks for. Rows carry the beginning of the problem and of the extracted answer."""
    chosen, sort = filtered(run, asked), sort_of(asked)
    if not chosen.is_valid():
        return Listing(run, chosen, sort, Page([], ""))
    by = sort.removeprefix("-")
    rows = narrow(chosen.qs, run)
    if by == "advantage":
        rows = rows.filter(advantage__isnull=False)
    page = keyset_page(rows, by=by, descending=sort.startswith("-"), cursor=asked.get("after", ""), size=PAGE_SIZE)
    query = chosen.form.cleaned_data["q"]
    return Listing(run, chosen, sort, page, snippets([row.pk for row in page.rows], query) if query else {})


def narrow(rows: QuerySet[Rollout], run: Run) -> QuerySet[Rollout]:
    """Rows without anything long."""
    short: dict[str, Any] = {
        "problem": problem_text(prompt_frame(run), "group__prompt__text"),
        "answer": Left("extracted", EXTRACTED_CHARACTERS),
        "group_index": F("group__index"),
        "trained": F("group__trained"),
    }
    return rows.defer("extracted", "parts").annotate(**short)
