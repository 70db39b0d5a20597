"""The forms of evaluations: what to evaluate on what, and a verdict on an answer."""

import uuid
from typing import Any

from django import forms
from django.db.models import QuerySet
from pydantic import ValidationError

from training.config import EvaluateMethod, LearnedRewardConfig, RewardCheckpoint, RunConfig
from webapp.datasets.models import ProblemSet
from webapp.evals.presets import PRESETS, search_of
from webapp.runs.config_forms import explain
from webapp.runs.models import Checkpoint, Run

MOST_OFFERED = 200
MOST_AT_ONCE = 50
MODELS = (
    ("checkpoint", "Checkpoints of runs"),
    ("builtin", "The built-in model"),
    ("local", "A folder"),
    ("hub", "A model of the hub"),
)
REWARD_MODEL = "reward_model"
"""The method whose checkpoints score responses instead of writing them."""
LEVELS = ("easy", "middle", "hard")
SPLITS = (("heldout", "Held-out"), ("train", "Training"), ("both", "Both"))
TEMPLATES = (("chat", "Chat template"), ("r1_zero", "R1-Zero"), ("plain", "Plain"))


class EvaluationForm(forms.Form):
    """One evaluation for each chosen model. A checkpoint is asked by the prompt template it was trained with."""

    model = forms.ChoiceField(choices=MODELS, initial="builtin", widget=forms.RadioSelect, label="What to evaluate")
    checkpoints = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, help_text="Each becomes an evaluation of its own."
    )
    path = forms.CharField(required=False, label="Folder", help_text="The whole path of a Hugging Face folder.")
    name = forms.CharField(required=False, label="Name on the hub", help_text="Such as Qwen/Qwen3-0.6B.")
    template = forms.ChoiceField(
        choices=TEMPLATES, initial="chat", label="Prompt template", help_text="Checkpoints keep their run's own."
    )
    problems = forms.ChoiceField(label="Problem set")
    split = forms.ChoiceField(
        choices=SPLITS, initial="heldout", label="Half", help_text="What the model was trained on is left out anyway."
    )
    count = forms.IntegerField(
        min_value=0, max_value=100_000, initial=0, label="Problems asked", help_text="0 asks all of them."
    )
    samples = forms.IntegerField(
        min_value=1, max_value=1024, initial=8, label="Answers to each (k)", help_text="pass@k is shown for each k."
    )
    temperature = forms.FloatField(min_value=0.01, max_value=5, initial=1.0)
    max_tokens = forms.IntegerField(
        min_value=1, max_value=131_072, initial=96, label="Longest answer", help_text="tokens"
    )
    greedy = forms.BooleanField(required=False, initial=True, label="A greedy answer beside them")
    search = forms.ChoiceField(
        required=False,
        initial="",
        choices=[("", "None: independent samples"), *((p.slug, p.title) for p in PRESETS.values())],
        label="Search at test time",
        help_text="The verifier guides it and knows the answers: its figures cannot be compared with those of samples.",
    )
    reward_model = forms.ChoiceField(
        required=False,
        initial="",
        label="Best of n by a reward model",
        help_text="It scores every answer; what picking the best of n by it is worth is shown beside pass@n.",
    )
    seed = forms.IntegerField(
        min_value=0, max_value=2**31 - 1, initial=0, help_text="The same seed, the same problems."
    )
    start_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, *args: Any, run: Run | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.configs: list[RunConfig] = []
        """What is to be evaluated, once the form is valid."""
        self._kept = {f"{each.run_id}:{each.step}": each for each in _kept_checkpoints(run)}
        choices = [(key, _checkpoint_label(each)) for key, each in self._kept.items()]
        self.fields["checkpoints"].choices = choices  # type: ignore[attr-defined]
        judges = Checkpoint.objects.filter(removed_at=None, run__method=REWARD_MODEL).select_related("run")
        self.fields["reward_model"].choices = [  # type: ignore[attr-defined]
            ("", "None"),
            *((f"{each.run_id}:{each.step}", _checkpoint_label(each)) for each in _newest(judges)),
        ]
        sets = ProblemSet.objects.values_list("slug", "name")[:MOST_OFFERED]
        self.fields["problems"].choices = [  # type: ignore[attr-defined]
            *((f"builtin:{level}", f"Built-in arithmetic, {level}") for level in LEVELS),
            ("builtin:repositories", "Built-in repositories, for software agents"),
            *((f"imported:{slug}", name) for slug, name in sets),
        ]

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if self.errors:
            return values
        needed = {"checkpoint": "checkpoints", "local": "path", "hub": "name"}.get(values["model"])
        if needed and not values[needed]:
            self.add_error(needed, "Choose at least one." if needed == "checkpoints" else "This needs a value.")
        elif len(values["checkpoints"]) > MOST_AT_ONCE:
            self.add_error("checkpoints", f"At most {MOST_AT_ONCE} can be started at once.")
        else:
            self._make(values)
        return values

    def _make(self, values: dict[str, Any]) -> None:
        try:
            method = EvaluateMethod(
                split=values["split"],
                problems=values["count"],
                samples=values["samples"],
                temperature=values["temperature"],
                max_tokens=values["max_tokens"],
                greedy=values["greedy"],
                search=search_of(values["search"], values["max_tokens"]),
                learned=_judge(values["reward_model"]),
            )
            self.configs = [
                RunConfig.model_validate(
                    {"model": model, "prompt": prompt, "problems": _problems(values), "seed": values["seed"],
                     "method": method.model_dump() | ({} if method.search else tools)}
                )
                for model, prompt, tools in self._models(values)
            ]  # fmt: skip
        except ValidationError as error:
            self.add_error(None, explain(error.errors()[0]))

    def _models(self, values: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
        """Each model with its prompt config and, of a checkpoint, how its run called tools: it is asked in that way."""
        prompt = {"template": values["template"]}
        match values["model"]:
            case "checkpoint":
                chosen = [self._kept[key] for key in values["checkpoints"]]
                return [
                    (
                        {"kind": "checkpoint", "run": each.run_id, "step": each.step},
                        each.run.config.get("prompt", {}),
                        _calling(each.run.config),
                    )
                    for each in chosen
                ]
            case "local":
                return [({"kind": "local", "path": values["path"]}, prompt, {})]
            case "hub":
                return [({"kind": "hub", "name": values["name"]}, prompt, {})]
        return [({"kind": "builtin"}, prompt, {})]


class OverrideForm(forms.Form):
    """A person's verdict on an answer."""

    verdict = forms.ChoiceField(choices=[("right", "Right"), ("wrong", "Wrong")])
    reason = forms.CharField(required=False, max_length=2000)


def _kept_checkpoints(run: Run | None) -> list[Checkpoint]:
    kept = Checkpoint.objects.filter(removed_at=None).exclude(run__method=REWARD_MODEL).select_related("run")
    if run is not None:
        kept = kept.filter(run=run)
    return _newest(kept)


def _newest(checkpoints: QuerySet[Checkpoint]) -> list[Checkpoint]:
    return list(checkpoints.defer("run__latest", "run__error").order_by("-run", "step")[:MOST_OFFERED])


def _calling(config: dict[str, Any]) -> dict[str, Any]:
    """How the run of a checkpoint called tools; of one that learned from an agent's conversations alone, by default."""
    tools = config.get("method", {}).get("agentic")
    if not tools and config.get("prompt", {}).get("toolset") == "repository":
        tools = {"enabled": True}
    return {"agentic": tools} if tools else {}


def _judge(chosen: str) -> LearnedRewardConfig:
    if not chosen:
        return LearnedRewardConfig()
    run, _, step = chosen.partition(":")
    return LearnedRewardConfig(model=RewardCheckpoint(run=int(run), step=int(step)))


def _checkpoint_label(checkpoint: Checkpoint) -> str:
    best = " · best" if checkpoint.best else ""
    return f"{checkpoint.run.name} (run {checkpoint.run_id}) · step {checkpoint.step}{best}"


def _problems(values: dict[str, Any]) -> dict[str, Any]:
    kind, _, name = values["problems"].partition(":")
    if kind == "imported":
        return {"kind": kind, "slug": name}
    asked = values["count"]
    counts: dict[str, Any] = {"heldout_count": asked} if asked and values["split"] == "heldout" else {}
    return {"kind": "builtin", "level": name} | counts
