"""The form that starts a teaching: which problems, who solves them, what is kept, who writes it again.

Knobs of the config are fields as `training.config.teach` declares them; what is here are the choices between them.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from pydantic import ValidationError

from training.config import PromptConfig
from training.config.teach import (
    EndpointTeacher,
    NumberedSteps,
    SolutionFilters,
    TeachConfig,
    TeacherSampling,
    name_of,
    problems_name,
)
from webapp.runs.choices import answering_checkpoints, checkpoint_name, problem_choices, problem_source
from webapp.runs.config_forms import ConfigForm, explain, field_for, form_class_for
from webapp.runs.knobs import knobs_of
from webapp.runs.models import Checkpoint
from webapp.teaching.labels import LABELS, RADIO_LABELS

MODELS = ("builtin", "checkpoint", "local", "hub", "endpoint")
TEACHER_KINDS = [(kind, RADIO_LABELS[kind]) for kind in MODELS]
REWRITER_KINDS = [(kind, RADIO_LABELS[kind]) for kind in ("none", "teacher", *MODELS[1:])]
NO_HUB_NAME = "This is no name on the hub: one looks like owner/name."
_TEACH, _PROMPT, _STEPS = knobs_of(TeachConfig), knobs_of(PromptConfig), knobs_of(NumberedSteps)
EndpointForm = form_class_for(EndpointTeacher, {"system": forms.Textarea(attrs={"rows": 3})})
SamplingForm = form_class_for(TeacherSampling)
FiltersForm = form_class_for(SolutionFilters)


class ModelForm(forms.Form):
    """A teacher or rewriter. ``endpoint`` is the form of an endpoint's knobs; both are sent together."""

    kind = forms.ChoiceField(widget=forms.RadioSelect)
    checkpoint = forms.ChoiceField(required=False, label="Checkpoint")
    path = forms.CharField(required=False, label="Folder", help_text="The whole path of a Hugging Face folder.")
    hub = forms.CharField(required=False, label="Name on the hub", help_text="Such as Qwen/Qwen3-0.6B.")
    template = field_for(_PROMPT["template"])
    system = field_for(_PROMPT["system"], forms.Textarea(attrs={"rows": 2}))

    def __init__(
        self, data: QueryDict | None, prefix: str, kinds: Sequence[tuple[str, str]], kept: Mapping[str, Checkpoint]
    ) -> None:
        super().__init__(data, prefix=prefix)
        self._kept = kept
        shown = [(key, checkpoint_name(each)) for key, each in kept.items()]
        self.fields["kind"].choices = kinds  # type: ignore[attr-defined]
        self.fields["kind"].initial = kinds[0][0]
        self.fields["checkpoint"].choices = [("", "Choose one"), *shown]  # type: ignore[attr-defined]
        self.endpoint = EndpointForm(data, prefix=f"{prefix}-endpoint")
        self.endpoint.use_required_attribute = False  # a browser sends no form in which a hidden field lacks its value
        for form in (self, self.endpoint):
            _name(form)
        self.config: dict[str, Any] | None = None
        """As `training.config.teach.Teacher`, once the form is valid; None where nobody of its own is chosen."""

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        kind = values.get("kind", "")
        prompt = {"template": values.get("template", "chat"), "system": values.get("system", "")}
        if kind == "endpoint":
            if self.endpoint.is_valid():
                self.config = self.endpoint.config.model_dump(mode="json")
            else:
                self.add_error(None, "Something about the endpoint is missing or wrong; it is named beside its field.")
        elif kind == "builtin":
            self._take({"kind": "builtin"}, {})
        elif kind == "local" and self._given("path", "Name a folder."):
            self._take({"kind": "local", "path": values["path"]}, prompt)
        elif kind == "hub" and self._given("hub", "Name a model of the hub."):
            self._take({"kind": "hub", "name": values["hub"]}, prompt)
        elif kind == "checkpoint" and self._given("checkpoint", "Choose a checkpoint."):
            run, _, step = values["checkpoint"].partition(":")
            asked = self._kept[values["checkpoint"]].run.config.get("prompt", {})  # as it was trained
            self._take({"kind": "checkpoint", "run": int(run), "step": int(step)}, asked)
        return values

    def _given(self, field: str, words: str) -> bool:
        if not self.cleaned_data.get(field) and field not in self.errors:
            self.add_error(field, words)
        return field not in self.errors

    def _take(self, source: dict[str, Any], prompt: dict[str, Any]) -> None:
        self.config = {"kind": "model", "source": source, "prompt": prompt}


class TeachForm(forms.Form):
    """The whole: with ``teacher``, ``rewriter``, ``sampling`` and ``filters``, which are sent together with it."""

    name = forms.CharField(
        required=False,
        max_length=120,
        label="Name of the new set",
        help_text="Empty: made of problems and teacher.",
    )
    problems = forms.ChoiceField(label="Problem set")
    split = field_for(_TEACH["split"])
    count = field_for(_TEACH["count"])
    heldout = field_for(_TEACH["heldout"])
    rewrite_max_tokens = field_for(_STEPS["max_tokens"])
    rewrite_temperature = field_for(_STEPS["temperature"])
    start_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, data: QueryDict | None = None, problems: str = "") -> None:
        super().__init__(data)
        self.config: TeachConfig | None = None
        """What is to be taught, once the form is valid."""
        offered = problem_choices()
        self.fields["problems"].choices = offered  # type: ignore[attr-defined]
        if problems in dict(offered):
            self.fields["problems"].initial = problems
        kept = answering_checkpoints()
        self.teacher = ModelForm(data, "teacher", TEACHER_KINDS, kept)
        self.rewriter = ModelForm(data, "rewriter", REWRITER_KINDS, kept)
        self.sampling: ConfigForm = SamplingForm(data)
        self.filters: ConfigForm = FiltersForm(data)
        for form in (self, self.sampling, self.filters):
            _name(form)

    @property
    def parts(self) -> tuple[forms.Form, ...]:
        return (self.teacher, self.rewriter, self.sampling, self.filters)

    @property
    def mistakes(self) -> list[str]:
        """What is wrong with no field in particular."""
        return [str(words) for form in (self, *self.parts) for words in form.non_field_errors()]

    @property
    def has_errors(self) -> bool:
        return any(form.errors for form in (self, *self.parts))

    def is_valid(self) -> bool:
        valid = [super().is_valid(), *(form.is_valid() for form in self.parts)]
        if all(valid) and self.config is None:
            self._make()
        return self.config is not None and not self.has_errors

    @property
    def set_name(self) -> str:
        """What the new set is to be called."""
        if self.cleaned_data["name"] or self.config is None:
            return str(self.cleaned_data["name"])
        return f"{problems_name(self.config.problems)}, solved by {name_of(self.config.teacher)}"[:120]

    def _make(self) -> None:
        values, kind = self.cleaned_data, self.rewriter.cleaned_data["kind"]
        train, heldout = values["count"], values["heldout"]
        if values["split"] == "heldout":
            train, heldout = 1, values["count"]
        rewrite: dict[str, Any] = {"kind": "none"}
        if kind != "none":
            knobs = {"max_tokens": values["rewrite_max_tokens"], "temperature": values["rewrite_temperature"]}
            rewrite = {"kind": "steps", "by": self.rewriter.config, **knobs}
        try:
            self.config = TeachConfig.model_validate({
                "problems": problem_source(values["problems"], train, heldout),
                "split": values["split"], "count": values["count"], "heldout": values["heldout"],
                "teacher": self.teacher.config, "sampling": self.sampling.config.model_dump(),
                "filters": self.filters.config.model_dump(), "rewrite": rewrite,
            })  # fmt: skip
        except ValidationError as error:
            self._report(error)

    def _report(self, error: ValidationError) -> None:
        """Put the first mistake where it belongs; the rest was chosen from lists or checked by the parts."""
        found = error.errors()[0]
        place = [str(part) for part in found["loc"]]
        owner = self.rewriter if "by" in place else self.teacher
        if "hub" in place:
            owner.add_error("hub", NO_HUB_NAME)
        elif place[:1] == ["problems"]:
            self.add_error("problems", explain(found))
        else:
            self.add_error(None, explain(found))


def _name(form: forms.Form) -> None:
    for name, field in form.fields.items():
        field.label = LABELS.get(name, field.label)
        if isinstance(field, forms.ChoiceField) and isinstance(field.widget, forms.Select):
            field.choices = [(value, LABELS.get(f"{name}.{value}", label)) for value, label in _pairs(field)]


def _pairs(field: forms.ChoiceField) -> list[tuple[str, str]]:
    choices: Any = field.choices  # none of them is a group
    return [(str(value), str(label)) for value, label in choices]
