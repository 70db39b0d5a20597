"""The form that starts a generation: which models, which prompts, and the knobs of sampling as the config has them."""

import re
import uuid
from typing import Any

from django import forms
from django.http import QueryDict
from pydantic import ValidationError

from training.config.generate import MOST_MODELS, MOST_PROMPTS, GenerationConfig, GenerationSampling, SetPrompts
from webapp.labeling.choices import Mode
from webapp.labeling.items import RESPONSES
from webapp.labeling.models import LabelProject
from webapp.runs.choices import answering_checkpoints, checkpoint_name, problem_choices, problem_source
from webapp.runs.config_forms import explain, field_for, form_class_for
from webapp.runs.knobs import knobs_of

BUILTIN_NAME = "Built-in model"
FIRST_SAMPLES = {Mode.PAIRWISE: 2, Mode.RANKING: 4, Mode.RATING: 1}
LABELS = {
    "samples": "Responses a model",
    "temperature": "Temperature",
    "top_p": "Top-p",
    "max_tokens": "Longest response (tokens)",
    "template": "Prompt template",
    "seed": "Seed",
}
NO_HUB_NAME = "This is no name on the hub: one looks like owner/name."
_BLOCKS = re.compile(r"\n(?:[ \t]*\n)+")
_DASHES = re.compile(r"^[ \t]*---[ \t]*$", re.MULTILINE)
_OF_SET = knobs_of(SetPrompts)
SamplingForm = form_class_for(GenerationSampling)


class GenerationForm(forms.Form):
    """Every chosen model answers every prompt. ``sampling`` is the form of the knobs; both are sent together."""

    checkpoints = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    builtin = forms.BooleanField(required=False, label="The built-in model")
    path = forms.CharField(required=False, label="A folder", help_text="The whole path of a Hugging Face folder.")
    hub = forms.CharField(required=False, label="A model of the hub", help_text="Such as Qwen/Qwen3-0.6B.")
    kind = forms.ChoiceField(
        choices=[("set", "Of a problem set"), ("typed", "Typed here")], initial="set", widget=forms.RadioSelect
    )
    problems = forms.ChoiceField(required=False, label="Problem set")
    split = field_for(_OF_SET["split"])
    count = field_for(_OF_SET["count"])
    texts = forms.CharField(
        required=False,
        strip=False,
        label="Prompts",
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="An empty line ends a prompt. Between prompts with empty lines of their own put a line of ---.",
    )
    start_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, project: LabelProject, data: QueryDict | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.config: GenerationConfig | None = None
        """What is to be generated, once the form is valid."""
        self.mode = Mode(project.mode)
        self.sampling = SamplingForm(data, initial={"samples": FIRST_SAMPLES.get(self.mode, 2)})
        for name, label in LABELS.items():
            self.sampling.fields[name].label = label
        self.fields["split"].label, self.fields["count"].label = "Half", "Prompts taken"
        self._kept = answering_checkpoints()
        self._offer("checkpoints", [(key, checkpoint_name(each)) for key, each in self._kept.items()])
        self._offer("problems", problem_choices())

    def is_valid(self) -> bool:
        own, sampling = super().is_valid(), self.sampling.is_valid()
        return own and sampling and self.config is not None

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        models = self._models(values)
        if not models:
            self.add_error(None, "Choose at least one model.")
        elif len(models) > MOST_MODELS:
            self.add_error(None, f"At most {MOST_MODELS} models answer at once.")
        if values.get("kind") == "typed" and not prompts_in(values.get("texts", "")):
            self.add_error("texts", "Write at least one prompt.")
        if values.get("kind") == "set" and not values.get("problems"):
            self.add_error("problems", "Choose a problem set.")
        if not self.errors and self.sampling.is_valid() and self._fits(len(models)):
            self._make(values, models)
        return values

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def _models(self, values: dict[str, Any]) -> list[dict[str, Any]]:
        prompt = {"template": self.sampling.data.get("template", "chat")}
        models = []
        for key in values.get("checkpoints", []):
            kept = self._kept[key]
            source = {"kind": "checkpoint", "run": kept.run_id, "step": kept.step}
            asked = kept.run.config.get("prompt", {})
            models.append({"source": source, "prompt": asked, "name": checkpoint_name(kept)})
        if values.get("builtin"):
            models.append({"source": {"kind": "builtin"}, "prompt": prompt, "name": BUILTIN_NAME})
        if path := values.get("path"):
            models.append({"source": {"kind": "local", "path": path}, "prompt": prompt, "name": path[-160:]})
        if hub := values.get("hub"):
            models.append({"source": {"kind": "hub", "name": hub}, "prompt": prompt, "name": hub[:160]})
        return models

    def _fits(self, models: int) -> bool:
        """Whether an item takes so many responses."""
        samples = self.sampling.config.samples
        fewest, most = RESPONSES[self.mode]
        if fewest <= models * samples <= most:
            return True
        takes = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        message = f"An item of this project takes {takes} responses; "
        message += f"{models} model{'s' * (models > 1)} with {samples} each would give it {models * samples}."
        self.sampling.add_error("samples", message)
        return False

    def _make(self, values: dict[str, Any], models: list[dict[str, Any]]) -> None:
        prompts = {"kind": "typed", "texts": prompts_in(values["texts"])} if values["kind"] == "typed" else {
            "kind": "set", "problems": problem_source(values["problems"], values["count"], values["count"]),
            "split": values["split"], "count": values["count"],
        }  # fmt: skip
        sampling = self.sampling.config.model_dump()
        try:
            self.config = GenerationConfig.model_validate({"models": models, "prompts": prompts, "sampling": sampling})
        except ValidationError as error:
            found = error.errors()[0]
            # Of a set only the count can be wrong: the rest was chosen from lists.
            fields = {"hub": "hub", "local": "path", "texts": "texts", "set": "count"}
            field = next((fields[str(part)] for part in found["loc"] if str(part) in fields), None)
            self.add_error(field, NO_HUB_NAME if field == "hub" else explain(found))


def prompts_in(text: str) -> list[str]:
    """The prompts of a text: between lines of ``---`` where it has any, else between empty lines."""
    text = text.replace("\r\n", "\n")
    blocks = _DASHES.split(text) if _DASHES.search(text) else _BLOCKS.split(text)
    return [block.strip() for block in blocks if block.strip()][: MOST_PROMPTS + 1]
