"""The forms of the new-run page: the config's own, with what can be chosen here, and the run's name and notes."""

import uuid
from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.http import QueryDict

from training.config import RunConfig
from webapp.datasets.models import ProblemSet
from webapp.runs.config_forms import ConfigForm, Fault, form_class_for
from webapp.runs.configure.checks import faults_of
from webapp.runs.configure.facts import Facts, facts_of
from webapp.runs.configure.layout import WIDGETS
from webapp.runs.configure.names import KINDS
from webapp.runs.configure.words import html_value, label_of
from webapp.runs.knobs import Values
from webapp.runs.label_sources import projects_with_labels
from webapp.runs.models import Checkpoint

RunForm = form_class_for(RunConfig, WIDGETS)
MOST_OFFERED = 200
"""Sets or runs in a list to choose from; more would be no help."""


class DetailsForm(forms.Form):
    """What is said of a run besides its config."""

    prefix = "run"

    name = forms.CharField(max_length=120, required=False, help_text="Empty for a name made from method and problems.")
    group = forms.CharField(
        max_length=80,
        required=False,
        help_text="Runs of one group are averaged together, such as seeds of one setting.",
    )
    notes = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}), help_text="For later readers.")
    start_id = forms.UUIDField(widget=forms.HiddenInput)
    """The same form sent twice starts one run."""


def new_details(**initial: Any) -> DetailsForm:
    """An empty form with a start id of its own."""
    return DetailsForm(initial={"start_id": uuid.uuid4(), **initial})


def run_form(data: QueryDict) -> ConfigForm:
    """The bound form of a config, with what this installation has to choose from."""
    form = RunForm(data)
    for name, field in form.fields.items():
        field.label = label_of(name)
        if form.knobs[name].variants and isinstance(field, forms.ChoiceField):
            field.choices = [(kind, KINDS.get(kind, kind)) for kind, _ in form.knobs[name].variants]
    sets = ProblemSet.objects.values_list("slug", "name", "train_count")[:MOST_OFFERED]
    _offer(form, "problems.imported.slug", {slug: f"{name} ({count:,} problems)" for slug, name, count in sets})
    saved = Checkpoint.objects.filter(removed_at=None).order_by("-run_id").values_list("run_id", "run__name").distinct()
    policies = saved.exclude(run__method="reward_model")
    _offer(form, "model.checkpoint.run", {str(run): f"{run} · {name}" for run, name in policies[:MOST_OFFERED]})
    judges = {str(run): f"{run} · {title}" for run, title in saved.filter(run__method="reward_model")[:MOST_OFFERED]}
    for name in (name for name in form.fields if name.endswith("reward.learned.model.checkpoint.run")):
        _offer(form, name, judges)
    projects = projects_with_labels()
    for name in (name for name in form.fields if name.endswith("rankings.project.slug")):
        _offer(form, name, projects)
    return form


def look_at(config: RunConfig) -> tuple[Facts, Iterable[Fault]]:
    """What is known of a run with this config, and what keeps it from being trained."""
    facts = facts_of(config)
    return facts, faults_of(config, facts)


def checked_form(
    data: QueryDict, look: Callable[[RunConfig], tuple[Facts, Iterable[Fault]]] = look_at
) -> tuple[ConfigForm, Facts | None]:
    """The form with every fault that can be found now, and what was found out on the way."""
    form = run_form(data)
    if not form.is_valid():
        return form, None
    facts, faults = look(form.config)
    for fault in faults:
        form.add_fault(fault)
    return form, facts


def as_posted(values: Values) -> QueryDict:
    """What a browser would send of a form that shows these values."""
    data = QueryDict(mutable=True)
    for name, value in values.items():
        if value is not False:
            data[name] = html_value(name, value)
    return data


def _offer(form: ConfigForm, name: str, choices: dict[str, str]) -> None:
    """Let a knob be chosen from a list; a value that is not in it stays, marked as such."""
    value = str(form.data.get(name) or "")
    gone = {value: f"{value} (not found)"} if value not in {"", "0", *choices} else {}
    none = "Choose one" if choices else "There is none yet"
    form.fields[name].widget = forms.Select(choices=[("", none), *gone.items(), *choices.items()])
