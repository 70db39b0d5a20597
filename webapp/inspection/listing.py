"""The list of a run's rollouts: narrowed, searched, sorted and paged by its address."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import django_filters
from django import forms
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Left

from webapp.core.paging import Page, chosen_sort, keyset_page
from webapp.inspection.models import Rollout, Split, ToolCall, Verdict
from webapp.inspection.notes import calls_tools, resamples
from webapp.inspection.prompts import problem_text, prompt_frame
from webapp.inspection.search import Snippet, matching, snippets
from webapp.runs.models import Run

SORTS = {"step": "Step", "reward": "Reward", "length": "Length", "advantage": "Advantage"}
"""Each has an index; a ``-`` before turns the order round."""
TRACE_SORTS = {"turns": "trace__turn_count", "failed": "trace__failed_count"}
"""Of responses that may call tools: columns of their traces."""
TITLES = {"turns": "number of turns", "failed": "number of failing calls"}
DEFAULT_SORT = "-step"
UNTRAINED = frozenset({"sft", "evaluate", "reward_model", "dpo"})
"""Methods whose training samples nothing: their rollouts are held-out ones."""
PAGE_SIZE = 50
EXTRACTED_CHARACTERS = 60
FINISH = (("stop", "Ended by itself"), ("length", "Truncated"), ("abort", "Aborted"))
SOURCES = (("0", "Sampled"), ("1", "From the cache"))
CALLS = (
    ("none", "No call"),
    ("clean", "Calls, none failing"),
    ("failed", "Failing calls"),
    ("service", "Service failed"),
)
LEARNED = (("1", "Learned from"), ("0", "Left out"))

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

    calls = django_filters.ChoiceFilter(choices=CALLS, empty_label="Any", label="Tool calls", method="with_calls")
    learned = django_filters.ChoiceFilter("selected", choices=LEARNED, empty_label="Any", label="Resampling")
    turns_min = _bound("trace__turn_count", "gte", "Turns from", **_WHOLE)
    turns_max = _bound("trace__turn_count", "lte", "Turns to", **_WHOLE)
    failed_min = _bound("trace__failed_count", "gte", "Failing calls from", **_WHOLE)
    forking_min = _bound("trace__forking_tokens", "gte", "Forking tokens from", **_WHOLE)
    reflection_min = _bound("trace__reflection_tokens", "gte", "Reflection tokens from", **_WHOLE)
    code_min = _bound("trace__code_tokens", "gte", "Uncertain tokens of calls from", **_WHOLE)

    class Meta:
        model = Rollout
        fields: list[str] = []

    def search_text(self, rows: QuerySet[Rollout], name: str, value: str) -> QuerySet[Rollout]:
        return rows.filter(matching(value))

    def with_calls(self, rows: QuerySet[Rollout], name: str, value: str) -> QuerySet[Rollout]:
        if value == "service":
            broken = ToolCall.objects.filter(rollout=OuterRef("pk"), status="infrastructure")
            return rows.filter(Exists(broken))
        kinds: dict[str, dict[str, int]] = {
            "none": {"trace__call_count": 0},
            "clean": {"trace__call_count__gt": 0, "trace__failed_count": 0},
            "failed": {"trace__failed_count__gt": 0},
        }
        return rows.filter(**kinds[value])

    def with_verdict(self, rows: QuerySet[Rollout], name: str, value: str) -> QuerySet[Rollout]:
        return rows.filter(correct=Verdict(value).correct)


OF_TRACES = ("calls", "turns_min", "turns_max", "failed_min", "forking_min", "reflection_min", "code_min")


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
    def offers_tools(self) -> bool:
        """Whether responses of the run may call tools, or the address asks for ones that do."""
        return calls_tools(self.run.config) or any(self.filter.data.get(name) for name in OF_TRACES)

    @property
    def offers_left_out(self) -> bool:
        """Whether the run draws more than it learns from, or the address asks about it."""
        return resamples(self.run.config) or bool(self.filter.data.get("learned"))

    @property
    def sort_title(self) -> str:
        """What the rows are sorted by, in words."""
        by = self.sort.removeprefix("-")
        return TITLES.get(by, by)

    @property
    def columns(self) -> int:
        """Of the table."""
        return 11 if self.offers_tools else 9

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
    return chosen_sort(asked, {*SORTS, *TRACE_SORTS}, DEFAULT_SORT)


def sortable(rows: QuerySet[Rollout], sort: str) -> QuerySet[Rollout]:
    """The rows that have what they are sorted by, as a column of that name."""
    by = sort.removeprefix("-")
    if by in TRACE_SORTS:
        return rows.filter(trace__isnull=False).annotate(**{by: F(TRACE_SORTS[by])})
    return rows.filter(advantage__isnull=False) if by == "advantage" else rows


def read_listing(run: Run, asked: Mapping[str, str]) -> Listing:
    """The page that an address asks for. Rows carry the beginning of the problem and of the extracted answer."""
    chosen, sort = filtered(run, asked), sort_of(asked)
    if not chosen.is_valid():
        return Listing(run, chosen, sort, Page([], ""))
    by = sort.removeprefix("-")
    rows = narrow(sortable(chosen.qs, sort), run)
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
    if calls_tools(run.config):
        short |= {"turns": F("trace__turn_count"), "calls": F("trace__call_count"), "failed": F("trace__failed_count")}
    return rows.defer("extracted", "parts").annotate(**short)
