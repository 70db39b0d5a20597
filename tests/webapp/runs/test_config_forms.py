"""The bridge from pydantic to Django: whatever a config holds survives the form, and errors find their widget."""

from typing import Annotated, Any, Literal

import pytest
from django import forms
from django.http import QueryDict
from hypothesis import given, settings
from pydantic import Field

from tests.webapp.runs.configure.configs import configs, rendered, sent_by_browser
from training.config import GrpoMethod, LocalModel, RunConfig, SftMethod
from training.config.base import Config, impossible
from webapp.runs.config_forms import ConfigForm, form_class_for
from webapp.runs.configure.forms import as_posted
from webapp.runs.configure.layout import WIDGETS
from webapp.runs.escapes import escape, unescape
from webapp.runs.knobs import knobs_of, tree_of, values_of

KINDS = ("grpo", "deepsearch", "srl", "ppo", "sft", "reward_model", "dpo")

RunForm = form_class_for(RunConfig, WIDGETS)


def posted(**changes: Any) -> ConfigForm:
    """The form of the defaults with some fields changed; a change to None leaves the field out."""
    data = as_posted(values_of(RunConfig()))
    for name, value in changes.items():
        if value is None:
            data.pop(name, None)
        else:
            data[name] = value
    form = RunForm(data)
    form.is_valid()
    return form


@given(configs())
@settings(max_examples=60, deadline=None)
def test_a_config_survives_its_form_in_a_browser(config: RunConfig) -> None:
    shown = RunForm(initial=values_of(config))
    form = RunForm(sent_by_browser(rendered(shown)))
    assert form.is_valid(), form.errors.as_json()
    assert form.config == config


@given(configs())
@settings(max_examples=60, deadline=None)
def test_knobs_hold_the_whole_config(config: RunConfig) -> None:
    assert RunConfig.model_validate(tree_of(knobs_of(RunConfig), values_of(config))) == config


def test_knobs_know_the_defaults() -> None:
    defaults = {name: knob.default for name, knob in knobs_of(RunConfig).items()}
    assert defaults == values_of(RunConfig())


def test_a_field_takes_help_bounds_and_default_from_the_declaration() -> None:
    field = RunForm.base_fields["optimisation.learning_rate"]
    assert str(field.help_text).startswith("Peak learning rate.")
    assert field.initial == 1e-4
    assert field.widget.attrs == {"step": "any", "min": 0, "max": 1}
    assert isinstance(RunForm.base_fields["steps"], forms.IntegerField)
    assert isinstance(RunForm.base_fields["method.sft.packing"], forms.BooleanField)
    assert isinstance(RunForm.base_fields["prompt.system"].widget, forms.Textarea)


def test_choices_come_before_what_they_decide_on_and_tags_are_no_fields() -> None:
    names = list(RunForm.base_fields)
    assert names.index("method.kind") < names.index("method.grpo.sampling.max_tokens")
    assert "method.grpo.kind" not in names
    assert dict(RunForm.base_fields["method.kind"].choices) == {kind: kind for kind in KINDS}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("steps", "0", "greater than or equal to 1"),
        ("steps", "many", "whole number"),
        ("steps", "", "The default is 100"),
        ("optimisation.learning_rate", "0", "greater than 0"),
        ("optimisation.learning_rate", "nan", "number"),
        ("method.grpo.sampling.temperature", "9", "less than or equal to 5"),
        ("method.grpo.loss.dual_clip", "0.5", "greater than 1"),
        ("method.grpo.loss.aggregation", "median", "not one of the available choices"),
        ("method.kind", "magic", "not one of the available choices"),
        ("evaluation.max_tokens", "-3", "greater than or equal to 1"),
    ],
)
def test_an_error_lands_on_its_own_widget(name: str, value: str, words: str) -> None:
    form = posted(**{name: value})
    assert list(form.errors) == [name]
    assert words in form.errors[name][0]


def test_every_error_is_told_at_once() -> None:
    form = posted(**{"steps": "0", "method.grpo.loss.clip_low": "x", "hardware.processes": "0"})
    assert set(form.errors) == {"steps", "method.grpo.loss.clip_low", "hardware.processes"}


def test_an_error_within_a_chosen_kind_lands_on_that_kinds_widget() -> None:
    form = posted(**{"model.kind": "hub", "model.hub.name": "two words"})
    assert list(form.errors) == ["model.hub.name"]
    assert "such as Qwen/Qwen3-0.6B" in form.errors["model.hub.name"][0]


def test_what_a_kind_must_have_is_asked_for() -> None:
    form = posted(**{"model.kind": "local"})
    assert form.errors == {"model.local.path": ["This needs a value."]}


def test_what_is_not_chosen_cannot_be_wrong() -> None:
    form = posted(**{"method.kind": "sft", "method.grpo.loss.clip_low": "99x", "method.grpo.updates_per_step": "7"})
    assert form.is_valid()
    assert form.config.method == SftMethod()


def test_an_empty_optional_number_is_none() -> None:
    assert posted(**{"method.grpo.loss.dual_clip": ""}).config.method.loss.dual_clip is None
    assert posted(**{"method.grpo.loss.dual_clip": "3"}).config.method.loss.dual_clip == 3.0


def test_an_unticked_switch_is_off() -> None:
    assert posted(**{"checkpoints.keep_best": None}).config.checkpoints.keep_best is False


def test_a_knob_that_was_not_sent_has_its_default() -> None:
    form = RunForm(QueryDict("steps=7&method.grpo.sampling.prompts_per_step=16&checkpoints.keep_best=on"))
    assert form.is_valid(), form.errors.as_json()
    assert form.config.steps == 7
    assert isinstance(form.config.method, GrpoMethod)
    assert form.config.method.sampling.prompts_per_step == 16


def test_a_set_that_cannot_go_together_becomes_a_fault_with_its_ways_out() -> None:
    form = posted(**{"method.grpo.updates_per_step": "5"})
    (fault,) = form.faults
    updates, prompts = "method.grpo.updates_per_step", "method.grpo.sampling.prompts_per_step"
    assert fault.about == (updates, prompts)
    assert [fix.values for fix in fault.fixes] == [{updates: 4}, {prompts: 30}]
    assert form.config is None
    assert form.non_field_errors() == [fault.message]
    for fix in fault.fixes:
        assert posted(**{updates: "5"} | {name: str(value) for name, value in fix.values.items()}).is_valid()


def test_a_fault_of_a_single_knob_lands_on_its_widget() -> None:
    form = posted(**{"optimisation.warmup_steps": "100"})
    assert list(form.errors) == ["optimisation.warmup_steps"]
    assert form.faults[0].fixes[0].values == {"optimisation.warmup_steps": 10}


def test_no_set_is_judged_while_one_of_its_knobs_cannot_be_read() -> None:
    form = posted(**{"method.grpo.updates_per_step": "5", "steps": "x"})
    assert list(form.errors) == ["steps"]
    assert form.faults == []


def test_text_keeps_its_lines_and_loses_only_their_carriage_returns() -> None:
    form = posted(**{"prompt.system": "  one\r\ntwo "})
    assert form.config.prompt.system == "  one\ntwo "


@pytest.mark.parametrize(
    ("typed", "held"), [(r"\n", "\n"), (r"\n\n", "\n\n"), (r"\t|", "\t|"), (r"\\n", r"\n"), (r"\d", r"\d"), (" ", " ")]
)
def test_a_separator_is_typed_and_shown_as_in_source_code(typed: str, held: str) -> None:
    name = "method.deepsearch.search.separator"
    form = posted(**{"method.kind": "deepsearch", name: typed})
    assert form.config.method.search.separator == held
    assert unescape(escape(held)) == held
    assert f'value="{escape(held)}"' in str(form[name])


def test_an_empty_separator_is_told_its_default_in_words() -> None:
    form = posted(**{"method.kind": "deepsearch", "method.deepsearch.search.separator": ""})
    assert form.errors == {"method.deepsearch.search.separator": [r"This needs a value. The default is \n."]}


def test_a_path_is_freed_of_the_spaces_around_it() -> None:
    form = posted(**{"model.kind": "local", "model.local.path": " /models/mine \t"})
    assert form.config.model == LocalModel(path="/models/mine")


def test_a_type_without_a_field_is_an_error_of_ours() -> None:
    class Odd(Config):
        pairs: dict[str, int] = {}

    with pytest.raises(TypeError, match="no form field for pairs"):
        form_class_for(Odd)


class Left(Config):
    kind: Literal["left"] = "left"
    depth: int = Field(default=1, ge=0)


class Right(Config):
    kind: Literal["right"] = "right"
    inner: Annotated[Left | SftMethod, Field(discriminator="kind")] = Left()


class Nested(Config):
    turn: Annotated[Left | Right, Field(discriminator="kind")] = Right()


def test_unions_within_unions_work() -> None:
    form_class = form_class_for(Nested)
    form = form_class(QueryDict("turn.kind=right&turn.right.inner.kind=left&turn.right.inner.left.depth=-1"))
    assert not form.is_valid()
    assert list(form.errors) == ["turn.right.inner.left.depth"]
    config = Nested(turn=Right(inner=Left(depth=4)))
    form = form_class(as_posted(values_of(config)))
    assert form.is_valid(), form.errors.as_json()
    assert form.config == config


def test_the_error_for_impossible_sets_is_plain_in_pydantics_own_words() -> None:
    error = impossible("a {b} does not fit", {"c": 1})
    assert error.message() == "a {b} does not fit"
