"""Every knob has one place on the page."""

from collections.abc import Iterable
from typing import Any

import pytest

from training.config import (
    DeepSearchMethod,
    DpoMethod,
    GrpoMethod,
    PpoMethod,
    RewardModelMethod,
    RunConfig,
    SftMethod,
    SrlMethod,
)
from webapp.runs.configure import layout, names
from webapp.runs.configure.forms import as_posted, run_form
from webapp.runs.configure.layout import is_simple, section_of
from webapp.runs.configure.needs import needs_of
from webapp.runs.configure.page import ShownKnob, sections_of
from webapp.runs.configure.starting import Start
from webapp.runs.configure.words import ESCAPED, bounds_in_words, label_of, label_within, shown
from webapp.runs.knobs import knobs_of, values_of

KNOBS = knobs_of(RunConfig)
PATHS = {knob.path for knob in KNOBS.values()}


def shown_knobs(config: RunConfig, **changes: str) -> dict[str, ShownKnob]:
    """Every knob of the form as it would be shown, by name."""
    data = as_posted(values_of(config))
    data.update(changes)
    form = run_form(data)
    form.is_valid()
    sections = sections_of(form, Start("the defaults", RunConfig()))
    return {each.knob.name: each for section in sections for each in section.knobs}


@pytest.mark.django_db
def test_every_knob_is_shown_exactly_once() -> None:
    form = run_form(as_posted(values_of(RunConfig())))
    form.is_valid()
    sections = sections_of(form, Start("the defaults", RunConfig()))
    names = [each.knob.name for section in sections for each in section.knobs]
    assert sorted(names) == sorted(KNOBS)


@pytest.mark.parametrize("table", [layout.SIMPLE, layout.WIDGETS, names.LABELS, ESCAPED])
def test_the_layout_speaks_of_no_knob_that_is_not_there(table: Iterable[str]) -> None:
    assert set(table) <= set(KNOBS) | PATHS


def test_the_layout_names_no_kind_unit_or_group_that_is_not_there() -> None:
    assert set(names.KINDS) == {kind for knob in KNOBS.values() for kind, _ in knob.variants}
    assert set(names.UNITS) <= {name.rsplit(".", 1)[-1] for name in KNOBS}
    for prefix in (prefix for section in layout.SECTIONS for prefix in section.prefixes):
        assert any(f"{name}.".startswith(f"{prefix}.") for name in [*KNOBS, *PATHS]), prefix


@pytest.mark.parametrize(
    ("method", "least", "most"),
    [
        (GrpoMethod(), 9, 14),
        (SftMethod(), 7, 11),
        (DeepSearchMethod(), 12, 17),
        (PpoMethod(), 9, 16),
        (RewardModelMethod(), 9, 14),
        (DpoMethod(), 9, 14),
        (SrlMethod(), 9, 16),
    ],
)
def test_the_first_screen_has_a_dozen_knobs_or_a_few_more(method: Any, least: int, most: int) -> None:
    values = values_of(RunConfig(method=method))
    assert least <= sum(is_simple(knob) and knob.is_active(values) for knob in KNOBS.values()) <= most


def test_what_must_be_filled_in_is_on_the_first_screen() -> None:
    assert all(is_simple(knob) for knob in KNOBS.values() if knob.required)


def test_what_methods_share_has_one_label_unit_and_section() -> None:
    for path in ("sampling.max_tokens", "reward.overlong_buffer", "loss.kl_coefficient", "updates_per_step"):
        one, other = KNOBS[f"method.grpo.{path}"], KNOBS[f"method.deepsearch.{path}"]
        assert label_of(one.name) == label_of(other.name)
        assert section_of(one) is section_of(other)


def test_a_kind_may_have_a_word_of_its_own() -> None:
    assert label_of("method.deepsearch.sampling.samples_per_prompt") == "Trajectories a tree"
    assert label_of("method.grpo.sampling.samples_per_prompt") == "Samples per prompt"


def test_an_evaluation_is_not_offered_among_the_methods() -> None:
    assert KNOBS["method.kind"].options == ("grpo", "deepsearch", "srl", "ppo", "sft", "reward_model", "dpo")
    assert not any(name.startswith("method.evaluate") for name in KNOBS)


def test_what_a_knob_needs_is_a_knob_with_that_value() -> None:
    for name in KNOBS:
        for need in (need for any_of in needs_of(name) for need in any_of):
            decisive, value = need.split("=")
            assert value in (KNOBS[decisive].options or ("on",)), need


@pytest.mark.django_db
def test_knobs_that_change_nothing_are_out_of_sight_until_they_do() -> None:
    name, config = "method.deepsearch.search.lazy_start", RunConfig(method=DeepSearchMethod())
    assert not shown_knobs(config)[name].active
    assert shown_knobs(config, **{"method.deepsearch.search.expansion": "lazy"})[name].active
    assert shown_knobs(config, **{name: "x"})[name].active  # it is wrong, and must be seen to be mended
    assert not shown_knobs(RunConfig(), **{"method.deepsearch.search.expansion": "lazy"})[name].active


@pytest.mark.django_db
def test_a_knob_may_need_one_of_several() -> None:
    search, config = "method.deepsearch.search", RunConfig(method=DeepSearchMethod())
    weight = f"{search}.frontier.quality"
    assert shown_knobs(config, **{f"{search}.selection": "uct", f"{search}.descent": "frontier"})[weight].active
    assert not shown_knobs(config, **{f"{search}.selection": "uct"})[weight].active
    assert shown_knobs(config, **{f"{search}.selection": "uct", f"{search}.expansion": "lazy"})[weight].active


def test_the_longest_prefix_decides_on_the_section() -> None:
    assert section_of(KNOBS["method.kind"]).slug == "method"
    assert section_of(KNOBS["method.grpo.sampling.top_p"]).slug == "sampling"
    assert section_of(KNOBS["method.grpo.updates_per_step"]).slug == "sampling"
    assert section_of(KNOBS["method.grpo.loss.ratio"]).slug == "loss"
    assert section_of(KNOBS["method.deepsearch.loss.ratio"]).slug == "loss"
    assert section_of(KNOBS["method.deepsearch.search.frontier.quality"]).slug == "search"
    assert section_of(KNOBS["method.deepsearch.cache.fill"]).slug == "adaptive"


def test_labels_are_words() -> None:
    assert label_of("method.grpo.sampling.prompts_per_step") == "Prompts per step"
    assert label_of("method.grpo.loss.kl_coefficient") == "KL coefficient"


@pytest.mark.parametrize(
    ("name", "words"), [("steps", "training steps"), ("method.grpo.loss.kl_coefficient", "KL coefficient"),
                        ("method.deepsearch.credit.q_max", "q at most")],
)  # fmt: skip
def test_a_label_within_a_sentence_keeps_its_abbreviations(name: str, words: str) -> None:
    assert label_within(name) == words


def test_no_two_knobs_of_a_section_share_a_label() -> None:
    labels = [(section_of(knob).slug, knob.conditions, label_of(name)) for name, knob in KNOBS.items()]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("problems.builtin.train_count", "1 to 1,000,000"),
        ("method.grpo.sampling.temperature", "more than 0, at most 5"),
        ("optimisation.beta1", "at least 0, less than 1"),
        ("method.grpo.loss.dual_clip", "more than 1"),
        ("method.kind", ""),
    ],
)
def test_bounds_are_said_in_words(name: str, words: str) -> None:
    assert bounds_in_words(KNOBS[name]) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(True, "on"), (False, "off"), (None, "empty"), ("", "empty"), (1e-6, "1e-06"), (32, "32"), (65_536, "65,536"),
     (1.0, "1"), (0.1 + 0.2, "0.30000000000000004"), ("chat", "chat"), ("a\n\t", "a\\n\\t")],
)  # fmt: skip
def test_values_are_shown_as_people_write_them(value: object, words: str) -> None:
    assert shown(value) == words
