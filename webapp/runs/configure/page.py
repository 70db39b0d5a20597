"""The form as the page shows it: knobs in their sections, each with what surrounds it."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.forms.boundfield import BoundField

from training.config.presets import Choice
from webapp.runs.config_forms import ConfigForm, Fault
from webapp.runs.configure.layout import SECTIONS, Section, is_simple, order_of, section_of
from webapp.runs.configure.needs import needs_of
from webapp.runs.configure.starting import Start, differences
from webapp.runs.configure.words import about_kind, bounds_in_words, html_value, shown, unit_of
from webapp.runs.knobs import Knob, Values


@dataclass(frozen=True, slots=True)
class ShownKnob:
    """A knob on the page."""

    knob: Knob
    field: BoundField
    start: str
    """What reset puts back, as an HTML value."""
    changed: bool
    active: bool
    choice: Choice | None
    """The preset's reason for its value."""

    @property
    def simple(self) -> bool:
        return is_simple(self.knob)

    @property
    def is_switch(self) -> bool:
        return self.knob.value_type is bool

    @property
    def unit(self) -> str:
        return unit_of(self.knob.name)

    @property
    def default(self) -> str:
        """In words; empty where there is none to speak of."""
        return "" if self.knob.default in (None, "") or self.knob.variants else shown(self.knob.default)

    @property
    def bounds(self) -> str:
        """The range, in words."""
        return bounds_in_words(self.knob)

    @property
    def condition(self) -> str:
        """``method.kind=grpo``, for the browser to show and hide it by."""
        return " ".join(f"{choice}={kind}" for choice, kind in self.knob.conditions)

    @property
    def needs(self) -> str:
        """``a=1|b=2 c=on``: one of the first two and the third; else the browser hides it, unless it is wrong."""
        return " ".join("|".join(any_of) for any_of in needs_of(self.knob.name))

    @property
    def kinds(self) -> list[tuple[str, str, str, bool]]:
        """Of a choice: value, label, what it means, and whether it is chosen."""
        labels = dict(getattr(self.field.field, "choices", ()))
        about = {kind: about_kind(model) for kind, model in self.knob.variants}
        return [(kind, labels[kind], about[kind], kind == self.field.value()) for kind in about]


@dataclass(frozen=True, slots=True)
class ShownSection:
    """A section with its knobs, and the faults that concern several of them."""

    section: Section
    knobs: list[ShownKnob]
    faults: list[Fault]
    given_by: str = ""
    """Name of a field of the page that, when something is chosen in it, takes the place of knobs of this section."""


def sections_of(form: ConfigForm, start: Start) -> list[ShownSection]:
    """Every knob, once."""
    chosen = {name: form.data.get(name) for name, knob in form.knobs.items() if knob.variants}
    knobs: dict[str, list[ShownKnob]] = {section.slug: [] for section in SECTIONS}
    changed = {each.name for each in differences(start.values, entered(form))}
    for knob in sorted(form.knobs.values(), key=order_of):
        back = html_value(knob.name, start.values[knob.name])
        active = knob.is_active(chosen) and (knob.name in form.errors or _counts(knob.name, form))
        shown_knob = ShownKnob(knob, form[knob.name], back, knob.name in changed, active, start.reason(knob))
        knobs[section_of(knob).slug].append(shown_knob)
    faults = {section.slug: list(_of_section(section, form)) for section in SECTIONS}
    return [ShownSection(section, knobs[section.slug], faults[section.slug]) for section in SECTIONS]


def entered(form: ConfigForm) -> Values:
    """What stands in a validated form, be it right or wrong."""
    wrong = {name: form.data.get(name) or None for name in form.errors if name in form.fields}
    return form.cleaned_data | wrong


def _of_section(section: Section, form: ConfigForm) -> Iterable[Fault]:
    """Faults of several knobs stand in the section of the first."""
    for fault in form.faults:
        if len(fault.about) > 1 and section_of(form.knobs[fault.about[0]]) is section:
            yield fault


def _counts(name: str, form: ConfigForm) -> bool:
    """Whether the knob changes anything, as the form stands."""

    def holds(need: str) -> bool:
        decisive, value = need.split("=")
        return bool(form.data.get(decisive, "") == value)

    return all(any(map(holds, any_of)) for any_of in needs_of(name))
