"""Forms that say what is to be drawn of a run. Their values stand in the page's address."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import QuerySet

from webapp.inspection.models import Split
from webapp.labeling.choices import Mode
from webapp.labeling.items import RESPONSES
from webapp.labeling.models import LabelProject
from webapp.labeling.sources.drawing import MOST_DRAWN, Asked
from webapp.labeling.sources.rollouts import Choose, RolloutsAsked, has_learned_rewards, runs_with_rollouts
from webapp.labeling.sources.trees import runs_with_trees
from webapp.runs.models import Run

USUAL_RESPONSES = {Mode.PAIRWISE: 2, Mode.RANKING: 4, Mode.RATING: 1, Mode.TREE_STEP: 9}
LARGEST_STEP = 2**31 - 1


class RunField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A run, named by number and name."""

    def label_from_instance(self, run: Any) -> str:
        return f"{run.pk}: {run.name}"


class DrawForm(forms.Form):
    """What every draw asks for; of what is not sent, what the form begins with."""

    responses_label = "Responses an item"

    run = RunField(queryset=Run.objects.none(), empty_label="Choose…", error_messages={"required": "Choose a run."})
    split = forms.ChoiceField(label="Problems", choices=Split.choices, initial=Split.TRAIN)
    first_step = forms.IntegerField(label="From step", min_value=0, max_value=LARGEST_STEP, required=False)
    last_step = forms.IntegerField(label="To step", min_value=0, max_value=LARGEST_STEP, required=False)
    responses = forms.IntegerField()
    count = forms.IntegerField(label="Items", min_value=1, max_value=MOST_DRAWN, initial=50)
    seed = forms.IntegerField(
        min_value=0, max_value=LARGEST_STEP, initial=0, help_text="The same seed draws the same items."
    )

    def __init__(self, project: LabelProject, runs: QuerySet[Run], data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        chosen = self.fields["run"]
        assert isinstance(chosen, forms.ModelChoiceField)
        chosen.queryset = runs
        mode = Mode(project.mode)
        fewest, most = RESPONSES[mode]
        field = forms.IntegerField(label=self.responses_label, min_value=fewest, max_value=most)
        field.initial = USUAL_RESPONSES[mode]
        if fewest == most:
            field.widget = forms.HiddenInput()
        self.fields["responses"] = field
        if data is not None:
            # An address may name a run and nothing else.
            beginnings = {name: each.initial for name, each in self.fields.items() if each.initial is not None}
            self.data = beginnings | dict(data)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        first, last = values.get("first_step"), values.get("last_step")
        if first is not None and last is not None and first > last:
            self.add_error("last_step", "The range of steps ends before it begins.")
        return values

    def asked(self) -> Asked:
        """Of a valid form, what to draw."""
        return Asked(**self.cleaned_data)


class RolloutsForm(DrawForm):
    """Which groups of rollouts become items."""

    choose = forms.ChoiceField(label="Which groups", choices=Choose.choices, initial=Choose.RANDOM)

    def __init__(self, project: LabelProject, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(project, runs_with_rollouts(), data)
        self.why_no_disagreement = self._why_no_disagreement()
        """Why disagreement cannot be asked for, in words; empty where it can."""

    def clean_choose(self) -> str:
        choose: str = self.cleaned_data["choose"]
        if choose == Choose.DISAGREEMENT and self.why_no_disagreement:
            raise forms.ValidationError(self.why_no_disagreement)
        return choose

    def asked(self) -> RolloutsAsked:
        values = dict(self.cleaned_data)
        return RolloutsAsked(**values | {"choose": Choose(values["choose"])})

    def _why_no_disagreement(self) -> str:
        try:
            run = self.fields["run"].clean(self.data.get("run"))
        except forms.ValidationError:
            return "Choose a run with a learned reward first."
        return "" if has_learned_rewards(run) else "No reward model judged the responses of this run."


class TreesForm(DrawForm):
    """Which nodes of search trees become items."""

    responses_label = "Children at most"

    def __init__(self, project: LabelProject, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(project, runs_with_trees(), data)
