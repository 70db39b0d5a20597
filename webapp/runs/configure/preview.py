"""The card beside the form: is it ready, what will a step do, does it fit, what does it cost."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from training.config import PreferenceMethod, RunConfig
from training.config.footprint import disk_of
from training.config.memory import FLOAT32, Disk
from training.config.plan import Plan, in_words, plan_of
from webapp.core.templatetags.espalier import size
from webapp.runs.config_forms import ConfigForm, Fault, Fix
from webapp.runs.configure.checks import advice_on
from webapp.runs.configure.facts import Facts
from webapp.runs.configure.fits import Fit, fits_of
from webapp.runs.configure.machine import Machine, this_machine
from webapp.runs.configure.page import entered
from webapp.runs.configure.ranking_facts import learned_prompts
from webapp.runs.configure.remedies import remedies_for
from webapp.runs.configure.starting import Difference, Start, differences
from webapp.runs.configure.words import html_value, label_of, label_within, shown

FIRST_THINGS = {"model": "Choose a model first", "problems": "Choose a problem set first"}


@dataclass(frozen=True, slots=True)
class OfferedFix:
    """A fix as a button."""

    label: str
    json: str
    """Names of knobs and their values as the browser holds them."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something to mend, with a way to its widget."""

    name: str
    label: str
    message: str
    fixes: list[OfferedFix]


@dataclass(frozen=True, slots=True)
class Preview:
    """All the card says."""

    items: list[Item]
    advice: list[Item]
    changed: list[Difference]
    start: str
    words: list[str]
    plan: Plan | None = None
    fits: list[Fit] = field(default_factory=list)
    """On each kind of machine that may take it, the one where memory is shortest first."""
    ways_out: list[OfferedFix] = field(default_factory=list)
    """Changes with which it would fit, where it does not."""
    disk: Disk | None = None
    disk_free: int = 0
    unsized: str = ""
    """Why there is no estimate of memory."""
    ready_call: str = "Start run"
    """What the button says when nothing is missing."""

    @property
    def fit(self) -> Fit | None:
        """Where memory is shortest."""
        return self.fits[0] if self.fits else None

    @property
    def ready(self) -> bool:
        return not self.items

    @property
    def call(self) -> str:
        """What the button says: what it does, or the next thing that is missing."""
        if self.ready:
            return self.ready_call
        first = self.items[0]
        if group := FIRST_THINGS.get(first.name.split(".")[0]):
            return group
        return f"Mend “{first.label}” first" if len(self.items) == 1 else f"Mend {len(self.items)} settings first"

    @property
    def disk_is_short(self) -> bool:
        return self.disk is not None and self.disk.total > self.disk_free

    @property
    def first(self) -> str:
        return self.items[0].name if self.items else ""


def preview_of(
    form: ConfigForm,
    facts: Facts | None,
    start: Start,
    ready_call: str = "Start run",
    foreseen: RunConfig | None = None,
) -> Preview:
    """Of a form that was validated; ``facts`` when it held a valid config.

    ``foreseen`` is what will be trained, where the form does not hold all of it.
    """
    items = _items(form)
    changed = differences(start.values, entered(form))
    if form.config is None or facts is None:
        return Preview(items, [], changed, start.name, [], ready_call=ready_call)
    config: RunConfig = foreseen or form.config
    plan, machine = plan_of(config, facts.prompt_tokens), this_machine()
    fits = fits_of(config, plan, facts, machine)
    return Preview(
        items,
        [_item(fault) for fault in advice_on(config, facts)],
        changed,
        start.name,
        in_words(
            config,
            plan,
            learned_prompts(config) if isinstance(config.method, PreferenceMethod) else facts.problems.train,
        ),
        plan,
        fits,
        offered(remedies_for(config, facts, fits)) if foreseen is None else [],
        disk_of(config, plan, facts.shape, facts.reward_shape) if facts.shape else None,
        machine.disk_free,
        _guess(facts, machine) if facts.shape is None else "",
        ready_call,
    )


def _guess(facts: Facts, machine: Machine) -> str:
    """What can be said of a model that is not here yet."""
    words = "The model is downloaded when the run starts; its size is not known before."
    if facts.named_parameters is None:
        return words
    least = 4 * FLOAT32 * facts.named_parameters  # weights, their gradients, two moments
    most = max((gpu.total for gpu in machine.gpus), default=machine.memory)
    words = (
        f"The model is downloaded when the run starts. By its name, weights, gradients and optimizer take {size(least)}"
    )
    return f"{words}, and this machine has {size(most)}: too little." if least > most else f"{words} of {size(most)}."


def _items(form: ConfigForm) -> list[Item]:
    """In the order of the form: first what is wrong with single knobs, each once, then with several."""
    of_one = {fault.about[0]: fault for fault in form.faults if len(fault.about) == 1}
    items = []
    for name in form.fields:
        if name in form.errors:
            messages = form.errors.get_json_data()[name]
            fault = of_one.get(name) or Fault(messages[0]["message"], (name,))
            items.append(_item(fault))
    return items + [_item(fault) for fault in form.faults if len(fault.about) != 1]


def _item(fault: Fault) -> Item:
    name = fault.about[0] if fault.about else ""
    return Item(name, label_of(name) if name else "The config", fault.message, offered(fault.fixes))


def offered(fixes: Sequence[Fix]) -> list[OfferedFix]:
    """Fixes as buttons: ``Set warm-up to 10``."""
    return [
        OfferedFix(
            fix.label
            or "Set " + " and ".join(f"{label_within(name)} to {shown(value)}" for name, value in fix.values.items()),
            json.dumps({name: html_value(name, value) for name, value in fix.values.items()}),
        )
        for fix in fixes
    ]
