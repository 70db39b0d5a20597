"""What a list of verified solutions can be narrowed by: its address says it."""

from collections.abc import Mapping
from typing import Any

import django_filters
from django import forms
from django.db import models
from django.db.models import Q, QuerySet

from webapp.core.errors import UserError
from webapp.inspection.search import words_query
from webapp.search.models import SolutionUse, VerifiedSolution
from webapp.search.solutions import OLDER


class Validity(models.TextChoices):
    """Whether a solution counts."""

    VALID = "valid", "Valid"
    INVALID = "invalid", "Invalid"
    OLDER = "older", "Valid, older verifier"


def problem_sets() -> list[tuple[str, str]]:
    """Names of the sets that solutions are there of."""
    names = VerifiedSolution.objects.order_by("problem_set").values_list("problem_set", flat=True).distinct()
    return [(name, name) for name in names]


class SolutionFilter(django_filters.FilterSet):  # type: ignore[misc]  # django_filters has no types
    """Solutions of all runs."""

    q = django_filters.CharFilter(label="Text", method="search_text", max_length=400)
    problem_set = django_filters.ChoiceFilter(choices=problem_sets, empty_label="Any", label="Problem set")
    run = django_filters.NumberFilter(
        label="Run",
        method="of_run",
        decimal_places=0,
        max_digits=9,
        widget=forms.NumberInput(attrs={"min": "1", "step": "1"}),
    )
    state = django_filters.ChoiceFilter(choices=Validity, empty_label="Any", label="State", method="with_state")

    class Meta:
        model = VerifiedSolution
        fields: list[str] = []

    def search_text(self, rows: QuerySet[VerifiedSolution], _: str, words: str) -> QuerySet[VerifiedSolution]:
        return rows.filter(search=words_query(words))

    def of_run(self, rows: QuerySet[VerifiedSolution], _: str, run: Any) -> QuerySet[VerifiedSolution]:
        """Found by it, or used by it."""
        used = SolutionUse.objects.filter(run=int(run)).values("solution")
        return rows.filter(Q(found_by=int(run)) | Q(pk__in=used))

    def with_state(self, rows: QuerySet[VerifiedSolution], _: str, state: str) -> QuerySet[VerifiedSolution]:
        if state == Validity.INVALID:
            return rows.filter(invalid_at__isnull=False)
        rows = rows.filter(invalid_at=None)
        return rows.filter(OLDER) if state == Validity.OLDER else rows


def filtered(asked: Mapping[str, str]) -> SolutionFilter:
    """The filter for an address's values."""
    values = {name: value.replace("\x00", "") for name, value in asked.items() if name in SolutionFilter.base_filters}
    return SolutionFilter(values, VerifiedSolution.objects.order_by())


def chosen_rows(asked: Mapping[str, str]) -> QuerySet[VerifiedSolution]:
    """All solutions that the list's filters let through. Raises UserError for a mistake in them."""
    chosen = filtered(asked)
    if not chosen.is_valid():
        raise UserError("The filters of this list hold a mistake. Mend it in the list, then export.")
    rows: QuerySet[VerifiedSolution] = chosen.qs
    return rows
