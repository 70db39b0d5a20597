"""Configs as files: what is written reads back, and mistakes are named with their line."""

import json

import pytest
import yaml
from hypothesis import given, settings

from tests.webapp.runs.configure.configs import configs
from training.config import DeepSearchMethod, RunConfig, SearchConfig
from training.config.presets import DAPO
from webapp.runs.configure.files import FileError, read_config, write_json, write_yaml


@given(configs())
@settings(max_examples=40, deadline=None)
def test_what_is_written_reads_back(config: RunConfig) -> None:
    for text in (write_json(config), write_yaml(config), write_yaml(config, comments=True)):
        assert read_config(text) == config


def test_comments_give_help_options_range_and_default() -> None:
    lines = write_yaml(DAPO.config, comments=True).splitlines()
    at = lines.index("    clip_high: 0.28")
    assert (
        lines[at - 1]
        == "    # The ratio is clipped above at 1 plus this (clip-higher: 0.28). More than 0. Default 0.2."
    )
    assert any(line.startswith("  # One of grpo, deepsearch, srl, ppo, sft") for line in lines)
    assert yaml.safe_load("\n".join(lines)) == DAPO.config.model_dump(mode="json")


def test_help_of_several_lines_is_one_comment() -> None:
    lines = write_yaml(RunConfig(method=DeepSearchMethod()), comments=True).splitlines()
    comment = lines[lines.index("    uniform_trees: drop") - 1]
    assert comment.startswith("    # Trees whose ends are all alike.")
    assert "learn from no other. One of keep, drop, confident_wrong." in comment


@pytest.mark.parametrize("separator", ["\n", "\n\n", "\t;", "\\n", " "])
def test_a_separator_of_line_breaks_is_written_as_such_and_read_back(separator: str) -> None:
    config = RunConfig(method=DeepSearchMethod(search=SearchConfig(step="separator", separator=separator)))
    written = json.dumps(separator)
    assert f"separator: {written}" in write_yaml(config) or separator.isprintable()
    assert f'"separator": {written}' in write_json(config)
    for text in (write_json(config), write_yaml(config), write_yaml(config, comments=True)):
        assert read_config(text) == config


def test_any_reader_of_yaml_or_json_reads_the_exports() -> None:
    assert yaml.safe_load(write_yaml(DAPO.config)) == json.loads(write_json(DAPO.config))


def test_a_few_knobs_are_enough() -> None:
    assert read_config("steps: 7\n") == RunConfig(steps=7)
    assert read_config('{"steps": 7}') == RunConfig(steps=7)
    assert read_config("") == RunConfig()


def test_json_may_be_indented_by_tabs() -> None:
    assert read_config('{\n\t"steps": 7\n}') == RunConfig(steps=7)


def test_numbers_as_people_write_them_are_numbers() -> None:
    # YAML 1.1 takes 1e-6, without a point, for text.
    assert read_config("optimisation: {learning_rate: 1e-6}").optimisation.learning_rate == 1e-6


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("steps: 5\nmethod:\n  kind: grpo\n  sampling:\n    max_token: 5\n", 5, "mean method.sampling.max_tokens?"),
        ("seed: 1\nmetod: {kind: grpo}", 2, "metod: There is no such knob. Did you mean method?"),
        ("steps: many", 1, "steps: It must be a whole number."),
        ("colour: red", 1, "colour: There is no such knob."),
        ("seed: 1\nsteps: 0", 2, "steps: It must be greater than or equal to 1."),
        ("seed: 1\nmethod: {kind: sarsa}", 2, "There is no kind 'sarsa'; choose one of 'grpo', 'deepsearch'"),
        ("seed: 1\nmethod:\n  updates_per_step: 2", 2, "It must say which kind it is."),
        ("method:\n  kind: grpo\n  updates_per_step: 5", 1, "nearest that work: 4 updates"),
        ("seed: 1\nsteps: [1", 2, "This is not YAML"),
        ('{\n"steps": 5,,\n}', 2, "This is not JSON"),
        ("steps: 1\nseed: 2\nsteps: 3", 3, "steps is given twice."),
        ('{"steps": 1,\n"steps": 3}', 2, "steps is given twice."),
        ("a: &x [1]\nb: *x", 2, "references"),
        ("a: !!python/object/apply:os.system [ls]", 1, "This is not YAML"),
        ("- 1\n- 2", 1, "a single value or a list"),
        ("{\n\"steps\": 1e400\n}", 2, "It must be a finite number."),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(FileError) as caught:
        read_config(text)
    assert any(mistake.line == line and words in mistake.message for mistake in caught.value.mistakes), [
        (mistake.line, mistake.message) for mistake in caught.value.mistakes
    ]


def test_all_mistakes_are_named_in_their_order() -> None:
    with pytest.raises(FileError) as caught:
        read_config("hardware:\n  processes: 0\nsteps: x\nmodel: {kind: hub}\nnonsense: 1")
    assert [mistake.line for mistake in caught.value.mistakes] == [2, 3, 4, 5]


@pytest.mark.parametrize("text", ["[" * 4000, "\x00", "{" * 4000, "? [1]\n: 2", "2024-01-01: 1", "a: " + "x" * 2**20])
def test_whatever_is_sent_is_answered_with_an_error_of_the_file(text: str) -> None:
    with pytest.raises(FileError):
        read_config(text)
