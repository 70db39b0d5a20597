"""Forms of label projects."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.forms import formset_factory
from django.utils.text import slugify

from webapp.accounts.models import GRANTS, Role, User
from webapp.datasets.forms import FILE_TYPES
from webapp.labeling.choices import Mode, Reveal
from webapp.labeling.models import LabelProject
from webapp.labeling.projects import LONGEST_RESERVATION, MOST_OVERLAP

MOST_INSTRUCTIONS = 20_000
"""Characters."""
MOST_CRITERIA = 20
MOST_BYTES = 64 * 2**20
ASKED = {
    Mode.PAIRWISE: "which of two is better, clearly or slightly, or that both are equal, good or bad",
    Mode.RANKING: "an order of 2 to 9, in which several may share a place",
    Mode.RATING: "points for each of 1 to 9 by criteria of yours",
    Mode.TREE_STEP: "which of 2 to 9 ways of going on is best, or that none is good",
}


class ProjectForm(forms.Form):
    """All settings of a project but its rubric, which is a formset of `CriterionForm`."""

    name = forms.CharField(max_length=120)
    mode = forms.ChoiceField(
        label="What labelers are asked",
        choices=[(mode.value, f"{mode.label}: {asked}") for mode, asked in ASKED.items()],
        widget=forms.RadioSelect,
        initial=Mode.PAIRWISE,
    )
    instructions = forms.CharField(
        required=False,
        max_length=MOST_INSTRUCTIONS,
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text="Markdown. What makes a response better, what does not matter, what to do when in doubt.",
    )
    overlap = forms.IntegerField(
        label="Labels an item",
        min_value=1,
        max_value=MOST_OVERLAP,
        initial=1,
        help_text="By different people. Agreement is measured from 2.",
    )
    who = forms.ChoiceField(
        label="Who may label",
        choices=[("everyone", "Every labeler and researcher"), ("chosen", "Only these")],
        widget=forms.RadioSelect,
        initial="everyone",
    )
    labelers = forms.ModelMultipleChoiceField(
        label="Users",
        queryset=User.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    reservation_minutes = forms.IntegerField(
        label="Reservation in minutes",
        min_value=1,
        max_value=LONGEST_RESERVATION,
        initial=15,
        help_text="After so long without a sign of its labeler, an item goes to somebody else. "
        "A label that comes later is kept all the same.",
    )
    mirror_every = forms.IntegerField(
        label="Repeat every … items",
        min_value=0,
        max_value=1000,
        initial=0,
        help_text="Every so many items a labeler gets an earlier one again, in reverse order: it tells how steady they "
        "are, and whether they prefer a side. 0: never. Blind only where labelers never learn who wrote what.",
    )
    reveal = forms.ChoiceField(
        label="Labelers learn who wrote what",
        choices=Reveal.choices,
        initial=Reveal.NEVER,
        help_text="Never before they have labeled an item, and then they cannot take the label back.",
    )
    too_fast_seconds = forms.FloatField(
        label="Too fast, in seconds",
        min_value=0,
        max_value=3600,
        initial=3,
        help_text="Labels given sooner are marked, not dropped.",
    )

    def __init__(self, data: Mapping[str, Any] | None = None, project: LabelProject | None = None) -> None:
        super().__init__(data, initial=_settings_of(project) if project else None)
        users = self.fields["labelers"]
        assert isinstance(users, forms.ModelMultipleChoiceField)
        may = [role for role, granted in GRANTS.items() if Role.LABELER in granted]
        users.queryset = User.objects.filter(role__in=may, is_active=True).order_by("username")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("who") == "chosen" and not values.get("labelers"):
            self.add_error("labelers", "Choose at least one, or let everyone label.")
        return values

    def settings(self) -> dict[str, Any]:
        """Of a valid form, what `create_project` and `change_project` take, without the rubric."""
        values = dict(self.cleaned_data)
        chosen = list(values.pop("labelers"))
        return values | {"labelers": None if values.pop("who") == "everyone" else chosen}


class CriterionForm(forms.Form):
    """One line of a rubric; an empty line is none."""

    key = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    label = forms.CharField(label="Criterion", required=False, max_length=120)
    description = forms.CharField(label="What it means", required=False, max_length=2000)
    lowest = forms.IntegerField(label="From", min_value=0, max_value=10, initial=1)
    highest = forms.IntegerField(label="To", min_value=1, max_value=10, initial=5)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("description") and not values.get("label"):
            self.add_error("label", "Name the criterion.")
        if values.get("label") and (values.get("lowest") or 0) >= (values.get("highest") or 11):
            self.add_error("highest", "The most points must be more than the fewest.")
        return values


class _RubricForms(forms.BaseFormSet):  # type: ignore[type-arg]
    def rubric(self) -> list[dict[str, Any]]:
        """Of a valid formset, the criteria as `values.Criterion` has them; new ones get keys."""
        rows = [form.cleaned_data for form in self.forms if form.cleaned_data.get("label")]
        taken = {row["key"] for row in rows if row["key"]}
        for row in rows:
            row["key"] = row["key"] or _new_key(row["label"], taken)
            taken.add(row["key"])
        return rows


_forms: Any = formset_factory(CriterionForm, formset=_RubricForms, extra=1, max_num=MOST_CRITERIA, validate_max=True)


def rubric_forms(
    data: Mapping[str, Any] | None = None, project: LabelProject | None = None, *, is_fixed: bool = False
) -> _RubricForms:
    """The lines of a project's rubric, and unless their number is fixed an empty one."""
    # What was sent is read for itself: a line that is as it was before is still a line.
    initial = project.rubric if project and data is None else None
    made: _RubricForms = _forms(data, prefix="rubric", initial=initial)
    made.extra = 0 if is_fixed else 1
    return made


class ItemFileForm(forms.Form):
    """A file of items."""

    file = forms.FileField(
        label="File",
        help_text="JSON Lines, JSON, CSV or Parquet; at most 64 MiB.",
        error_messages={"required": "Choose a file first."},
        widget=forms.FileInput(attrs={"accept": FILE_TYPES, "data-max-bytes": MOST_BYTES}),
    )

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise ValidationError(f"At most {MOST_BYTES >> 20} MiB are taken. Split the file into several.")
        return file


def _settings_of(project: LabelProject) -> dict[str, Any]:
    named = (name for name in ProjectForm.base_fields if name not in ("who", "labelers"))
    values = {name: getattr(project, name) for name in named}
    return values | {"who": "everyone" if project.everyone else "chosen", "labelers": project.labelers.all()}


def _new_key(label: str, taken: set[str]) -> str:
    words = slugify(label).replace("-", "_")[:30].strip("_")
    stem = words if words[:1].isalpha() else f"c_{words}".rstrip("_")
    return next(key for key in (stem, *(f"{stem}_{number}" for number in range(2, 100))) if key not in taken)
