"""Every knob has one place on the page."""

import pytest

from training.config import RunConfig
from webapp.runs.configure import layout
from webapp.runs.configure.forms import as_posted, run_form
from webapp.runs.configure.layout import bounds_in_words, label_of, section_of, shown
from webapp.runs.configure.page import sections_of
from webapp.runs.configure.starting import Start
from webapp.runs.knobs import knobs_of, values_of

KNOBS = knobs_of(RunConfig)


@pytest.mark.django_db
def test_every_knob_is_shown_exactly_once() -> None:
    form = run_form(as_posted(values_of(RunConfig())))
    form.is_valid()
    sections = sections_of(form, Start("the defaults", RunConfig()))
    names = [each.knob.name for section in sections for each in section.knobs]
    assert sorted(names) == sorted(KNOBS)


@pytest.mark.parametrize("table", ["SIMPLE", "LABELS", "WIDGETS"])
def test_the_layout_speaks_of_no_knob_that_is_not_there(table: str) -> None:
    assert set(getattr(layout, table)) <= set(KNOBS)


def test_the_layout_names_no_kind_unit_or_group_that_is_not_there() -> None:
    assert set(layout.KINDS) == {kind for knob in KNOBS.values() for kind, _ in knob.variants}
    assert set(layout.UNITS) <= {name.rsplit(".", 1)[-1] for name in KNOBS}
    for prefix in (prefix for section in layout.SECTIONS for prefix in section.prefixes):
        assert any(f"{name}.".startswith(f"{prefix}.") for name in KNOBS), prefix


def test_the_first_screen_has_about_a_dozen_knobs() -> None:
    values = values_of(RunConfig())
    assert 9 <= sum(KNOBS[name].is_active(values) for name in layout.SIMPLE) <= 13


def test_what_must_be_filled_in_is_on_the_first_screen() -> None:
    assert {name for name, knob in KNOBS.items() if knob.required} <= layout.SIMPLE


def test_the_longest_prefix_decides_on_the_section() -> None:
    assert section_of(KNOBS["method.kind"]).slug == "method"
    assert section_of(KNOBS["method.grpo.sampling.top_p"]).slug == "sampling"
    assert section_of(KNOBS["method.grpo.updates_per_step"]).slug == "sampling"
    assert section_of(KNOBS["method.grpo.loss.ratio"]).slug == "loss"


def test_labels_are_words() -> None:
    assert label_of("method.grpo.sampling.prompts_per_step") == "Prompts per step"
    assert label_of("method.grpo.loss.kl_coefficient") == "KL coefficient"


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
     (1.0, "1"), (0.1 + 0.2, "0.30000000000000004"), ("chat", "chat")],
)  # fmt: skip
def test_values_are_shown_as_people_write_them(value: object, words: str) -> None:
    assert shown(value) == words
