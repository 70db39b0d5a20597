"""Forms of the datasets pages."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from training.reading import Column, ImportPlan
from webapp.datasets.models import ProblemSet

MAX_UPLOAD_BYTES = 256 * 2**20
FILE_TYPES = ".jsonl,.ndjson,.json,.csv,.tsv,.parquet"
MAX_VERIFY_CHARS = 100_000


class UploadForm(forms.Form):
    """Files from the browser."""

    main = forms.FileField(
        label="File",
        help_text="JSON Lines, JSON, CSV or Parquet with one problem a row; at most 256 MiB.",
        error_messages={"required": "Choose a file first."},
    )
    heldout = forms.FileField(
        label="Held-out file",
        required=False,
        help_text="Optional: a test set with the same columns. Its problems are never trained on.",
    )

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        for field in self.fields.values():
            field.widget.attrs.update({"accept": FILE_TYPES, "data-max-bytes": MAX_UPLOAD_BYTES})

    def clean_main(self) -> UploadedFile:
        return _small_enough(self.cleaned_data["main"])

    def clean_heldout(self) -> UploadedFile | None:
        file = self.cleaned_data["heldout"]
        return _small_enough(file) if file else None


class HubForm(forms.Form):
    """A set of the Hugging Face hub."""

    name = forms.RegexField(
        r"^[\w.-]+(/[\w.-]+)?$",
        label="Name on the hub",
        max_length=200,
        help_text="Such as openai/gsm8k.",
        error_messages={"invalid": "A hub name looks like owner/name."},
    )
    subset = forms.CharField(
        required=False, max_length=100, help_text="Empty takes the only one, or “default” or “main”."
    )
    split = forms.CharField(required=False, max_length=100, help_text="Empty takes “train”, or the only one.")
    heldout_split = forms.CharField(
        label="Held-out split", required=False, max_length=100, help_text="Optional, such as “test”: never trained on."
    )
    revision = forms.CharField(
        required=False, max_length=100, help_text="Branch, tag or commit; empty takes the latest."
    )


class PlanForm(forms.Form):
    """Which column becomes what, and what is held out."""

    prompt = forms.ChoiceField(
        label="Prompt", error_messages={"required": "Choose the column that holds the question."}
    )
    answer = forms.ChoiceField(label="Answer", required=False)
    answer_rule = forms.ChoiceField(
        label="It is",
        choices=[
            ("plain", "the cell as it stands"),
            ("marked", "marked by \\boxed{}, #### or <answer>"),
            ("after", "after a marker"),
        ],
    )
    answer_marker = forms.CharField(label="Marker", required=False, max_length=40, strip=False)
    keep_unanswered = forms.BooleanField(
        label="Take rows without an answer, to be learned from and not to be checked", required=False
    )
    solution = forms.ChoiceField(
        label="Worked solution", required=False, help_text="Fine-tuning (SFT) and step-wise methods learn from these."
    )
    solution_rule = forms.ChoiceField(
        label="Solutions",
        choices=[
            ("any", "may be missing"),
            ("required", "must be there"),
            ("numbered", "must be steps “1. **Title** …”"),
        ],
    )
    turns = forms.ChoiceField(
        label="Agent's transcript",
        required=False,
        help_text="Messages with tool calls, instead of a worked solution.",
    )
    strip_calculator = forms.BooleanField(label="Remove calculator marks such as <<48/2=24>>", required=False)
    level = forms.ChoiceField(label="Difficulty", required=False)
    split_mode = forms.ChoiceField(
        label="Held-out problems",
        choices=[
            ("share", "a share of the problems"),
            ("column", "as a column says"),
            ("train", "none of these rows"),
            ("heldout", "all of these rows"),
        ],
    )
    heldout_percent = forms.FloatField(label="Share in %", min_value=0.1, max_value=90, required=False)
    split = forms.ChoiceField(label="Split column", required=False)

    def __init__(self, columns: Sequence[Column], plan: ImportPlan, data: Mapping[str, Any] | None = None) -> None:
        share = round(100 * plan.heldout_share, 4)
        super().__init__(
            data, initial={**plan.as_json(), "heldout_percent": int(share) if share == int(share) else share}
        )
        paths = [(column.path, column.path) for column in columns]
        for name, empty in (
            ("prompt", "Choose…"),
            ("answer", "none"),
            ("solution", "none"),
            ("turns", "none"),
            ("level", "none"),
            ("split", "Choose…"),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", empty), *paths]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        learned = values.get("solution") or values.get("turns")
        if not values.get("answer") and not (learned and values.get("keep_unanswered")):
            self.add_error(
                "answer",
                "Tick below that rows without an answer are wanted, or choose the column that holds it."
                if learned
                else "Choose the column that holds the answer.",
            )
        if values.get("solution") and values.get("turns"):
            self.add_error("turns", "A row has a worked solution or a transcript; choose one of the two columns.")
        if values.get("answer_rule") == "after" and not values.get("answer_marker", "").strip():
            self.add_error("answer_marker", "Type the text that stands before the answer, such as “A:”.")
        if values.get("split_mode") == "column" and not values.get("split"):
            self.add_error("split", "Choose the column that says train or test.")
        if (
            values.get("split_mode") == "share"
            and not values.get("heldout_percent")
            and "heldout_percent" not in self.errors
        ):
            self.add_error("heldout_percent", "Say how many percent to hold out, between 0.1 and 90.")
        return values

    def plan(self) -> ImportPlan:
        """The plan of a valid form."""
        values = dict(self.cleaned_data)
        share = (values.pop("heldout_percent") or 10) / 100
        values["answer_marker"] = values["answer_marker"] or "####"
        return ImportPlan(**values, heldout_share=share)


class CommitForm(forms.Form):
    """Name of the new set, and consent to leave bad rows out."""

    name = forms.CharField(max_length=120)
    description = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))
    without_refused = forms.BooleanField(required=False)

    def __init__(self, refused: int, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        field = self.fields["without_refused"]
        rows = "row that cannot be used" if refused == 1 else "rows that cannot be used"
        field.label = f"Leave out the {refused:,} {rows}"
        field.required = bool(refused)
        field.error_messages["required"] = "Tick this to import the others, or mend the file."
        if not refused:
            del self.fields["without_refused"]


class ProblemSetForm(forms.ModelForm):  # type: ignore[type-arg]
    """What people read of a set."""

    class Meta:
        model = ProblemSet
        fields = ["name", "description"]
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}


class VerifierForm(forms.Form):
    """A response to judge."""

    response = forms.CharField(
        max_length=MAX_VERIFY_CHARS,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false"}),
        error_messages={"required": "Paste what the model answered."},
    )
    answer = forms.CharField(label="Reference answer", max_length=MAX_VERIFY_CHARS, required=False)


def _small_enough(file: UploadedFile) -> UploadedFile:
    size = file.size or 0
    if size > MAX_UPLOAD_BYTES:
        raise ValidationError(
            f"{file.name} has {size / 2**20:,.0f} MiB; at most {MAX_UPLOAD_BYTES >> 20} MiB are taken. "
            "Split it, or save it as Parquet, which is smaller."
        )
    return file
