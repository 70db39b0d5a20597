"""What the form finds in a search's knobs before anything loads, each finding with a fix that works."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from training.builtin import MODEL_DIR
from training.config import DeepSearchMethod, RunConfig
from training.config.presets import PRESETS, Preset
from webapp.runs.config_forms import Fault
from webapp.runs.configure.checks import advice_on, faults_of
from webapp.runs.configure.facts import facts_of
from webapp.runs.configure.forms import as_posted, checked_form
from webapp.runs.configure.words import html_value
from webapp.runs.knobs import values_of

pytestmark = pytest.mark.django_db


def deepsearch(steps: int = 100, **method: Any) -> RunConfig:
    return RunConfig.model_validate({"steps": steps, "method": {"kind": "deepsearch"} | method})


def found_in(config: RunConfig) -> list[Fault]:
    facts = facts_of(config)
    return faults_of(config, facts) + advice_on(config, facts)


def only(found: list[Fault]) -> Fault:
    (fault,) = found
    return fault


def left_after(config: RunConfig, fault: Fault, number: int) -> list[Fault]:
    """What is still found when one of a fault's fixes is taken in the form."""
    data = as_posted(values_of(config))
    for name, value in fault.fixes[number].values.items():
        data[name] = html_value(name, value)
    form, _ = checked_form(data)
    assert form.config is not None, form.errors.as_json()
    return found_in(form.config)


def test_the_defaults_of_a_search_need_no_advice() -> None:
    assert found_in(RunConfig(method=DeepSearchMethod())) == []


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_no_preset_needs_advice(preset: Preset) -> None:
    wanting = "Choose the run that trained the reward model; train one first if there is none."
    assert [found for found in found_in(preset.config) if wanting not in str(found)] == []


FEW = {"most_used": 2}
FINDINGS: list[tuple[str, dict[str, Any], str]] = [
    ("width", {"search": {"width": 1, "selection": "uct"}}, "a single chain: neither UCT nor the frontier"),
    (
        "width",
        {"search": {"width": 2, "max_depth": 2}, "cache": FEW},
        "width 2 and depth 2 has at most 4 ends to record; 8 are",
    ),
    (
        "width",
        {"search": {"width": 4, "max_depth": 2, "exhausted": "stop"}, "cache": FEW},
        "4 ends to record; 8 are wanted, so the tree",
    ),
    ("max_expansions", {"search": {"max_expansions": 14}}, "take at least 15 expansions, and a tree stops after 14"),
    ("max_expansions", {"search": {"max_expansions": 5, "expansion": "lazy"}}, "take at least 8 expansions"),
    (
        "expansion",
        {"search": {"expansion": "lazy", "selection": "uct"}},
        "A lazy search always goes on at the frontier",
    ),
    ("kept_trees", {"search": {"kept_trees": 40}}, "A step has 32 trees, fewer than the 40"),
    (
        "phase_steps",
        {"hard_subset": {"enabled": True, "phase_steps": 100}},
        "measured once, before step 1, and the cache",
    ),
    ("phase_steps", {"hard_subset": {"phase_steps": 500}}, "the run does: the cache takes in nothing"),
    ("threshold", {"hard_subset": {"enabled": True, "rule": "below"}}, "only none right is below 25 %"),
    ("threshold", {"hard_subset": {"enabled": True, "threshold": 0.2}}, "only none right is up to 20 %"),
    (
        "threshold",
        {"hard_subset": {"enabled": True, "rule": "below", "threshold": 0}},
        "no problem would count as hard",
    ),
    ("most_used", {"cache": {"most_used": 8}}, "no direct response may be left"),
    ("format", {"reward": {"format": 0.2}}, "What is paid for format has no effect"),
    ("accuracy", {"reward": {"accuracy": 0.5}}, "What is paid for accuracy has no effect"),
    ("separator", {"search": {"step": "separator", "separator": ";;"}}, "No single token of this model"),
]


@pytest.mark.parametrize(("knob", "method", "words"), FINDINGS, ids=[words for _, _, words in FINDINGS])
def test_each_finding_has_words_a_knob_and_fixes_that_work(knob: str, method: dict[str, Any], words: str) -> None:
    config = deepsearch(**method)
    fault = only(found_in(config))
    assert words in fault.message
    assert fault.about[0].rsplit(".", 1)[-1] == knob
    assert fault.fixes
    for number in range(len(fault.fixes)):
        assert left_after(config, fault, number) == []


@pytest.mark.parametrize(
    "method",
    [
        {"search": {"width": 2, "max_depth": 3}},  # exactly eight ends
        {"search": {"max_expansions": 15}},
        {"search": {"kept_trees": 32}},
        {"hard_subset": {"phase_steps": 99, "enabled": True}},
        {"hard_subset": {"phase_steps": 500}, "cache": {"fill": "at_once"}},
        {"hard_subset": {"enabled": True, "rule": "below", "samples": 5}},
        {"hard_subset": {"enabled": True, "threshold": 0}},  # meant: never solved, and nothing else
        {"hard_subset": {"rule": "below", "threshold": 0}},
        {"cache": {"most_used": 7}},
        {"reward": {"overlong_buffer": 8}},
        {"cache": {"most_used": 8, "enabled": False}},
        {"search": {"step": "separator"}},
        {"search": {"step": "separator", "separator": "+"}},
        {"search": {"separator": ";;"}},
    ],
    ids=str,
)
def test_what_will_do_is_left_alone(method: dict[str, Any]) -> None:
    assert found_in(deepsearch(**method)) == []


def test_a_run_of_one_step_has_no_shorter_phase_to_offer() -> None:
    fault = only(found_in(deepsearch(1, hard_subset={"enabled": True})))
    assert fault.fixes == ()


def test_a_separator_is_not_judged_by_a_tokenizer_that_cannot_be_read(tmp_path: Path) -> None:
    folder = shutil.copytree(MODEL_DIR, tmp_path / "model")
    (folder / "tokenizer.json").write_text("{")
    method = {"kind": "deepsearch", "search": {"step": "separator", "separator": ";;"}}
    config = RunConfig.model_validate({"method": method, "model": {"kind": "local", "path": str(folder)}})
    assert found_in(config) == []


def test_a_cache_without_the_hard_subset_it_asks_is_offered_both_ways_out() -> None:
    name = "method.deepsearch.cache.fill"
    data = as_posted(values_of(RunConfig(method=DeepSearchMethod())))
    data[name] = "phase"
    form, _ = checked_form(data)
    fault = only(form.faults)
    assert [fix.values for fix in fault.fixes] == [{"method.deepsearch.hard_subset.enabled": True}, {name: "rare"}]
    for fix in fault.fixes:
        mended = data.copy()
        for knob, value in fix.values.items():
            mended[knob] = html_value(knob, value)
        assert checked_form(mended)[0].is_valid()
