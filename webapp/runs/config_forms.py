"""Django forms made from pydantic configs: one declaration, no second list of fields.

Every knob is a form field of the same name. Knobs are named as pydantic names them in errors, so whatever validator
refuses a value, its message lands on the widget the value came from. What a model validator refuses concerns several
knobs: it becomes a `Fault`, which knows them and the values that would do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from pydantic import BaseModel
from pydantic import ValidationError as ConfigError

from webapp.runs.escapes import EscapedText, escape
from webapp.runs.knobs import Knob, Values, knobs_of, tree_of
from webapp.runs.plain_inputs import PlainInputs


@dataclass(frozen=True, slots=True)
class Fix:
    """Values that would put something right."""

    values: Values
    label: str = ""
    """What a button says; empty for the names of the knobs and their values."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with one knob or with several together."""

    message: str
    about: tuple[str, ...]
    """Names of knobs; empty when it concerns the whole."""
    fixes: tuple[Fix, ...] = ()


class ConfigForm(forms.Form):
    """Django reads the widgets; pydantic validates the whole."""

    config_class: ClassVar[type[BaseModel]]
    knobs: ClassVar[dict[str, Knob]]
    default_renderer = PlainInputs

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.config: Any = None
        """The valid config, after a successful ``clean``."""
        self.faults: list[Fault] = []

    def clean(self) -> Values:
        values = self.cleaned_data
        for name, knob in self.knobs.items():
            if not knob.is_active(values):
                self.errors.pop(name, None)  # what does not count cannot be wrong
            elif self._left_out(name) and not knob.required:
                self.errors.pop(name, None)
                values[name] = knob.default
        try:
            self.config = self.config_class.model_validate(tree_of(self.knobs, values))
        except ConfigError as error:
            self._report(error)
        return values

    def add_fault(self, fault: Fault) -> None:
        """Note a fault, be it found by whoever looks further than the config itself."""
        self.faults.append(fault)
        self.add_error(fault.about[0] if len(fault.about) == 1 else None, fault.message)

    def _left_out(self, name: str) -> bool:
        return bool(self.fields[name].widget.value_omitted_from_data(self.data, self.files, self.add_prefix(name)))

    def _report(self, error: ConfigError) -> None:
        faults = []
        for problem in error.errors(include_url=False):
            name = ".".join(map(str, problem["loc"]))
            if name not in self.fields:
                faults.append(_fault(name, problem))
            elif name not in self.errors:
                self.add_error(name, explain(problem, self.knobs[name]))
        if not self.errors:  # else knobs at fault were left out, and sums over them mean nothing
            for fault in faults:
                self.add_fault(fault)


def form_class_for(
    config_class: type[BaseModel], widgets: Mapping[str, forms.Widget] | None = None
) -> type[ConfigForm]:
    """A form with one field for each knob; ``widgets`` replaces the usual ones, by name of the knob."""
    knobs = knobs_of(config_class)
    fields = {name: field_for(knob, (widgets or {}).get(name)) for name, knob in knobs.items()}
    return type(f"{config_class.__name__}Form", (ConfigForm,), {"config_class": config_class, "knobs": knobs, **fields})


def field_for(knob: Knob, widget: forms.Widget | None = None) -> forms.Field:
    """The form field of a knob. Raises TypeError for a type that no field was made for yet."""
    shown = "" if knob.required else f" The default is {escape(str(knob.default))}."
    options: dict[str, Any] = {
        "help_text": knob.help,
        "initial": knob.default,
        "required": not (knob.optional or knob.value_type is bool or knob.default == ""),
        "error_messages": {"required": f"This needs a value.{shown}"},
    }
    if widget is not None:
        options["widget"] = widget
    if knob.options:
        options.setdefault("widget", forms.RadioSelect() if knob.variants else forms.Select())
        return forms.ChoiceField(choices=[(option, option) for option in knob.options], **options)
    if knob.value_type is bool:
        return forms.BooleanField(**options)
    if knob.value_type in (int, float):
        options.setdefault("widget", forms.NumberInput(attrs=_number_attributes(knob)))
        return (forms.IntegerField if knob.value_type is int else forms.FloatField)(**options)
    if knob.value_type is str and isinstance(widget, EscapedText):
        return forms.CharField(strip=False, **options)
    if knob.value_type is str:
        return TextField(strip=not isinstance(widget, forms.Textarea), **options)
    raise TypeError(f"no form field for {knob.name} of type {knob.value_type!r}; give one to config_forms.field_for")


class TextField(forms.CharField):
    """Text whose lines end as they do everywhere else, not as browsers send them."""

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")


def explain(problem: Mapping[str, Any], knob: Knob | None = None) -> str:
    """Pydantic's finding in a sentence for people."""
    match problem["type"]:
        case "string_pattern_mismatch" if knob:
            return f"This does not have the expected form. {knob.help}"
        case "extra_forbidden":
            return "There is no such knob."
        case "union_tag_not_found":
            return "It must say which kind it is."
        case "union_tag_invalid":
            return f"There is no kind {problem['ctx']['tag']!r}; choose one of {problem['ctx']['expected_tags']}."
        case "missing":
            return "This needs a value."
        case "int_parsing" | "int_type" | "int_from_float":
            return "It must be a whole number."
        case "float_parsing" | "float_type":
            return "It must be a number."
        case "bool_parsing" | "bool_type":
            return "It must be true or false."
    message = str(problem["msg"]).removeprefix("Value error, ").replace("Input should", "It must")
    return message[:1].upper() + message[1:] + ("" if message.endswith(".") else ".")


def _fault(group: str, problem: Mapping[str, Any]) -> Fault:
    """``group`` is where the model that refused sits; its fixes are named from there."""
    fixes = tuple(
        Fix({f"{group}.{name}".lstrip("."): value for name, value in fix.items()})
        for fix in problem.get("ctx", {}).get("fixes", ())
    )
    about = dict.fromkeys(name for fix in fixes for name in fix.values)
    return Fault(explain(problem), tuple(about), fixes)


def _number_attributes(knob: Knob) -> dict[str, Any]:
    """HTML knows no open intervals; pydantic refuses the bound itself."""
    bounds = knob.bounds
    attributes = {"min": bounds.get("ge", bounds.get("gt")), "max": bounds.get("le", bounds.get("lt"))}
    step = {} if knob.value_type is int else {"step": "any"}
    return step | {name: value for name, value in attributes.items() if value is not None}
