"""Configs as YAML and JSON files: written with the help as comments, read with the line of every mistake."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from training.config import RunConfig
from webapp.runs.config_forms import explain
from webapp.runs.configure.salvage import path_in
from webapp.runs.configure.words import bounds_in_words
from webapp.runs.knobs import Knob, knobs_of, values_of

Read = TypeVar("Read", bound=BaseModel)

LARGEST = 2**20
"""Bytes; a config has two or three thousand."""
LARGEST_YAML = 2**17
"""Characters. Reading YAML takes 18 s a MiB, and the page waits for it."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something a config file got wrong."""

    message: str
    line: int | None = None


class FileError(ValueError):
    """A text that is no config. ``tree`` is what could be read; None when not even that."""

    def __init__(self, mistakes: list[Mistake], tree: dict[str, Any] | None = None) -> None:
        super().__init__("; ".join(mistake.message for mistake in mistakes))
        self.mistakes = mistakes
        self.tree = tree


def read_config(text: str) -> RunConfig:
    """The config that a YAML or JSON text holds. Raises FileError with one mistake for each thing wrong."""
    return read_as(text, RunConfig)


def read_as(text: str, model: type[Read]) -> Read:
    """What a YAML or JSON text holds, as any kind of config. Raises FileError with one mistake for each thing wrong."""
    tree, lines = _parse(text)
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        mistakes = [_mistake(tree, lines, each) for each in _told(error.errors(include_url=False, include_input=False))]
        raise FileError(sorted(mistakes, key=lambda mistake: mistake.line or 0), tree) from error


def write_json(config: RunConfig) -> str:
    return config.model_dump_json(indent=2) + "\n"


def write_yaml(config: RunConfig, comments: bool = False) -> str:
    """Every knob that counts; with ``comments``, each below its help and range."""
    if not comments:
        return to_yaml(config.model_dump(mode="json"))
    return "\n".join(_commented(config)) + "\n"


def _commented(config: RunConfig) -> Iterator[str]:
    values = values_of(config)
    groups: list[str] = []
    for name, knob in knobs_of(RunConfig).items():
        if knob.is_active(values):
            *above, leaf = knob.path.split(".")
            common = next((i for i, (a, b) in enumerate(zip(groups, above, strict=False)) if a != b), None)
            common = min(len(groups), len(above)) if common is None else common
            for depth in range(common, len(above)):
                yield "  " * depth + above[depth] + ":"
            groups = above
            indent = "  " * len(above)
            yield f"{indent}# {_comment(knob)}"
            yield f"{indent}{leaf}: {_scalar(values[name])}"


def _comment(knob: Knob) -> str:
    options = f"One of {', '.join(knob.options)}." if knob.options else ""
    if knob.variants:
        return options
    bounds = bounds_in_words(knob)
    limits = f"{bounds[:1].upper()}{bounds[1:]}." if bounds else ""
    default = "" if knob.required else f"Default {json.dumps(knob.default)}."
    return " ".join(filter(None, [knob.help, options, limits, default]))


def _scalar(value: Any) -> str:
    return to_yaml(value).removesuffix("\n...\n").strip()


def to_yaml(value: Any) -> str:
    """A tree of plain values; texts of any content come back as they were."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=LARGEST)


class _Dumper(yaml.SafeDumper):
    """Writes text with anything but plain characters in double quotes, on one line; other styles lose line ends."""


def _quote(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _quote)


class _StrictLoader(yaml.SafeLoader):
    """Refuses what no config needs: references, which can make a small file huge, and a key given twice."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.constructor.ConstructorError(None, None, "references (*name) are not read here", mark)
        return super().compose_node(parent, index)


def _parse(text: str) -> tuple[dict[str, Any], dict[tuple[str, ...], int]]:
    """The mapping in a text, and on which line each of its keys is."""
    if len(text.encode()) > LARGEST:
        raise FileError([Mistake("A config file has at most 1 MiB; this is something else.")])
    try:
        if text.lstrip().startswith("{"):
            tree, lines = json.loads(text), _lines_of_json(text)
        elif len(text) > LARGEST_YAML:
            raise FileError([Mistake("A config has a few thousand characters; this is something else.")])
        else:
            loader = _StrictLoader(text)
            node = loader.get_single_node()
            lines = dict(_lines(node, ())) if node else {}
            tree = loader.construct_document(node) if node else {}
    except FileError:
        raise
    except json.JSONDecodeError as error:
        raise FileError([Mistake(f"This is not JSON: {error.msg}.", error.lineno)]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise FileError([Mistake(f"This is not YAML: {error.problem}.", mark.line + 1 if mark else None)]) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise FileError([Mistake(f"This cannot be read as YAML or JSON: {error}")]) from error
    if not isinstance(tree, dict):
        raise FileError([Mistake("A config is a mapping of knobs to values; this is a single value or a list.", 1)])
    return tree, lines


def _lines_of_json(text: str) -> dict[tuple[str, ...], int]:
    """JSON is YAML, but for tabs and a few characters; where it is not, mistakes are told without their line."""
    if len(text) > LARGEST_YAML:
        return {}
    try:
        node = _StrictLoader(text.replace("\t", " ")).get_single_node()
    except yaml.YAMLError:
        return {}
    return dict(_lines(node, ())) if node else {}


def _lines(node: yaml.Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            here = (*path, str(key.value))
            if here in seen:
                raise FileError([Mistake(f"{'.'.join(here)} is given twice.", key.start_mark.line + 1)])
            seen.add(here)
            yield here, key.start_mark.line + 1
            yield from _lines(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            yield (*path, str(place)), value.start_mark.line + 1
            yield from _lines(value, (*path, str(place)))


def _told(problems: list[Any]) -> list[Any]:
    """Without lists that are said to be too short only because what is in them is wrong."""
    return [
        each
        for each in problems
        if each["type"] != "too_short"
        or not any(other is not each and other["loc"][: len(each["loc"])] == each["loc"] for other in problems)
    ]


def _run_at(path: list[str]) -> int:
    """Where the path of a knob begins in that of a recipe: ``stages.0.run.steps``."""
    return 3 if path[:1] == ["stages"] and path[2:3] == ["run"] else 0


def _mistake(tree: dict[str, Any], lines: Mapping[tuple[str, ...], int], problem: Mapping[str, Any]) -> Mistake:
    path = path_in(tree, problem["loc"])
    line = next((lines[tuple(path[:end])] for end in range(len(path), 0, -1) if tuple(path[:end]) in lines), None)
    message = explain(problem)
    if problem["type"] == "extra_forbidden":
        paths = [knob.path.split(".") for knob in knobs_of(RunConfig).values()]
        known = {".".join(path[:end]) for path in paths for end in range(1, len(path) + 1)}
        near = difflib.get_close_matches(".".join(path[_run_at(path) :]), known, n=1, cutoff=0.7)
        message += f" Did you mean {near[0]}?" if near else ""
    return Mistake(f"{'.'.join(path) or 'The config'}: {message}", line)
