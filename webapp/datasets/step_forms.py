"""The splitter's form: how solutions are cut. What is valid says the config of the method that trains on the steps."""

from typing import Any

from django import forms
from pydantic import ValidationError

from training.config.srl import StepsConfig
from webapp.datasets.trajectories import Trajectories

RULES = (
    ("numbered", "numbered: “1. **Title** …”"),
    ("line", "every line"),
    ("paragraph", "paragraphs, at empty lines"),
    ("tool_call", "tool calls"),
    ("regex", "at a pattern of my own"),
)
LOOKED_AT = 20
"""Problems from which the first rule is guessed."""


class StepsForm(forms.Form):
    """Rule, pattern, and which steps are targets."""

    rule = forms.ChoiceField(label="A step is", choices=RULES)
    pattern = forms.CharField(
        label="Pattern",
        required=False,
        strip=False,
        max_length=1000,
        help_text="A regular expression; solutions are cut where it matches, such as ; or \\n(?=Step).",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off", "class": "mono"}),
    )
    title = forms.BooleanField(label="Give the next step's title", required=False)
    last = forms.BooleanField(label="The last step is a target, too", required=False)

    config: StepsConfig

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
            self.config = StepsConfig(
                rule=values["rule"],
                pattern=values["pattern"] if own else "",
                title=values["title"] and named,
                last=values["last"],
            )
        except ValidationError as error:
            self.add_error("pattern", f"{error.errors()[0]['msg']}.")


def likely_rule(trajectories: Trajectories) -> str:
    """The rule that cuts most of the first solutions into two steps or more; numbered before lines."""
    from training.srl.steps import RefusedError, Rule, steps_of

    problems = [problem for _, (_, problem) in zip(range(LOOKED_AT), trajectories.after(0), strict=False)]

    def cut(rule: Rule) -> int:
        found = 0
        for problem in problems:
            try:
                found += len(steps_of(problem, rule)) > 1
            except RefusedError:
                continue
        return found

    rules: tuple[Rule, ...] = ("numbered", "tool_call", "line", "paragraph")
    return max(rules, key=cut)
