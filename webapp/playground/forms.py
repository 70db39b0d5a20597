"""The forms of the playground: whom to ask, what, and how."""

import uuid
from typing import Any

from django import forms
from pydantic import ValidationError

from training.config.chat import ChatConfig, ChatSampling
from training.config.generate import LONGEST_PROMPT
from webapp.evals.presets import PRESETS
from webapp.runs.choices import answering_checkpoints, checkpoint_name
from webapp.runs.config_forms import explain, form_class_for
from webapp.runs.models import Checkpoint

SamplingForm = form_class_for(ChatSampling)
BUILTIN = "builtin"
LONGEST_ANSWER = 10_000
BUILTIN_NAME = "Built-in model"
LABELS = {
    "samples": "Responses a model",
    "temperature": "Temperature",
    "top_p": "Top-p",
    "max_tokens": "Longest response (tokens)",
    "seed": "Seed",
}


class QuestionForm(forms.Form):
    """What is asked, and the knobs of sampling, which are a form beside it: ``sampling``."""

    text = forms.CharField(
        strip=False, max_length=LONGEST_PROMPT, label="Your question", widget=forms.Textarea({"rows": 4})
    )
    answer = forms.CharField(
        required=False,
        max_length=LONGEST_ANSWER,
        label="Right answer",
        help_text="If you give one, the verifier judges every response by it.",
    )
    start_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, data: Any = None, sampling: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.sampling = SamplingForm(data, initial=sampling or {})
        for name, label in LABELS.items():
            self.sampling.fields[name].label = label

    def is_valid(self) -> bool:
        own, sampling = super().is_valid(), self.sampling.is_valid()
        return own and sampling


class ChatForm(QuestionForm):
    """The first question: it also says who is asked."""

    model = forms.ChoiceField(label="Model", initial=BUILTIN)
    path = forms.CharField(
        required=False, label="Or another model", help_text="A folder's whole path, or a name on the hub."
    )
    beside = forms.BooleanField(
        required=False,
        initial=True,
        label="Beside its base",
        help_text="A checkpoint is asked beside the model that its run started from.",
    )
    field_order = ("model", "path", "beside", "text", "answer")

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.config: ChatConfig | None = None
        """What is asked of whom, once the form is valid."""
        self._kept = answering_checkpoints()
        kept = [(key, checkpoint_name(each)) for key, each in self._kept.items()]
        self.fields["model"].choices = [(BUILTIN, BUILTIN_NAME), *kept]  # type: ignore[attr-defined]

    def is_valid(self) -> bool:
        return super().is_valid() and self.config is not None

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if not self.errors and self.sampling.is_valid():
            question = {"turns": [{"role": "user", "text": values["text"]}], "answer": values["answer"]}
            sampling = self.sampling.config.model_dump()
            try:
                asked = {"models": self._models(values), **question, "sampling": sampling}
                self.config = ChatConfig.model_validate(asked)
            except ValidationError as error:
                found = error.errors()[0]
                self.add_error("path" if "models" in found["loc"] else "text", explain(found))
        return values

    def _models(self, values: dict[str, Any]) -> list[dict[str, Any]]:
        if path := values["path"]:
            source = {"kind": "local", "path": path} if path.startswith("/") else {"kind": "hub", "name": path}
            return [{"source": source, "name": path[-160:]}]
        if values["model"] == BUILTIN:
            return [{"source": {"kind": "builtin"}, "name": BUILTIN_NAME}]
        kept = self._kept[values["model"]]
        source = {"kind": "checkpoint", "run": kept.run_id, "step": kept.step}
        own = {"source": source, "prompt": kept.run.config.get("prompt", {}), "name": checkpoint_name(kept)}
        return [own, _base(kept)] if values["beside"] else [own]


class SearchForm(forms.Form):
    """A question to be searched at test time, by one of its models."""

    model = forms.IntegerField(min_value=0, label="Model")
    answer = forms.CharField(max_length=LONGEST_ANSWER, label="Right answer")
    search = forms.ChoiceField(choices=[(preset.slug, preset.title) for preset in PRESETS.values()], label="Search")


def _base(kept: Checkpoint) -> dict[str, Any]:
    """The model that the checkpoint's run started from, asked as the run asks."""
    source = kept.run.config.get("model", {"kind": "builtin"})
    names = {"builtin": BUILTIN_NAME, "local": source.get("path", ""), "hub": source.get("name", "")}
    name = names.get(source["kind"], f"run {source.get('run')}, step {source.get('step')}")
    return {"source": source, "prompt": kept.run.config.get("prompt", {}), "name": f"{name} (its base)"[-160:]}
