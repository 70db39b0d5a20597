"""The splitter's form: how solutions are cut. What is valid says the config of the method that trains on the steps."""

from typing import Any

from django import forms
from pydantic import ValidationError

from training.config import SrlMethod, StepsConfig
from training.problems.types import Problem
from training.srl.steps import RefusedError, Rule, steps_of
from webapp.datasets.trajectories import Trajectories

RULES = (
    ("numbered", "numbered: “1. **Title** …”"),
    ("line", "every line"),
    ("paragraph", "paragraphs, at empty lines"),
    ("tool_call", "tool calls"),
    ("regex", "at a pattern of your own"),
)
FORMATS = (
    ("continuation", "goes on with the expert's text"),
    ("think_action", "is asked for the step and thinks first"),
)
LOOKED_AT = 20
"""Problems from which the first settings are guessed."""


class StepsForm(forms.Form):
    """Rule, pattern, which steps are targets, and the form in which the model is asked."""

    rule = forms.ChoiceField(label="A step is", choices=RULES)
    pattern = forms.CharField(
        label="Pattern",
        required=False,
        strip=False,
        max_length=1000,
        help_text="A regular expression; solutions are cut where it matches, such as ; or \\n(?=Step).",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off", "class": "mono"}),
    )
    format = forms.ChoiceField(label="The model", choices=FORMATS)
    title = forms.BooleanField(label="Give the next step's title", required=False)
    last = forms.BooleanField(label="The last step is a target, too", required=False)

    config: SrlMethod
    """After a successful ``clean``."""

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("rule") == "regex" and not values.get("pattern"):
            self.add_error("pattern", "Type the pattern at which solutions are cut.")
        if not self.errors:
            self._build(values)
        return values

    def _build(self, values: dict[str, Any]) -> None:
        named = values["rule"] == "numbered"
        own = values["rule"] == "regex"
        try:
            steps = StepsConfig(
                rule=values["rule"],
                pattern=values["pattern"] if own else "",
                title=values["title"] and named,
                last=values["last"],
            )
            self.config = SrlMethod(steps=steps, format=values["format"])
        except ValidationError as error:
            self.add_error("pattern", f"{error.errors()[0]['msg']}.")


def likely_settings(trajectories: Trajectories) -> dict[str, str]:
    """The first rule that cuts half of the first solutions into two steps or more, lines last; and the usual form."""
    problems = [problem for _, (_, problem) in zip(range(LOOKED_AT), trajectories.after(0), strict=False)]
    rules: tuple[Rule, ...] = ("numbered", "tool_call")
    shares = {rule: sum(_is_cut(each, rule) for each in problems) / max(len(problems), 1) for rule in rules}
    rule = next((rule for rule, share in shares.items() if share >= 0.5), "line")
    return {"rule": rule, "format": SrlMethod().format}


def _is_cut(problem: Problem, rule: Rule) -> bool:
    try:
        return len(steps_of(problem, rule)) > 1
    except RefusedError:
        return False
