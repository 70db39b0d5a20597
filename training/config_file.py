"""Reads a run's config from its folder, in JSON or YAML, and says in plain words what is wrong with it."""

import json
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from training.config import RunConfig
from training.errors import InputError

AnyConfig = TypeVar("AnyConfig", bound=BaseModel)
NAMES = ("config.json", "config.yaml", "config.yml")


def read_config(folder: Path) -> RunConfig:
    """The config of a run's folder. Raises InputError when there is none, or it is not valid."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    path = next((folder / name for name in NAMES if (folder / name).is_file()), None)
    if path is None:
        raise InputError(f"{folder} holds no config; put a config.json or config.yaml there ({{}} is a valid one)")
    return parse_config(path)


def parse_config(path: Path) -> RunConfig:
    """The config of a run in a file. Raises InputError with one line for each mistake."""
    return parse_as(RunConfig, path)


def parse_as(config_class: type[AnyConfig], path: Path) -> AnyConfig:
    """The config of this class in a file. Raises InputError with one line for each mistake."""
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, yaml.YAMLError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    try:
        return config_class.model_validate({} if values is None else values)
    except ValidationError as error:
        mistakes = [f"  {'.'.join(map(str, each['loc'])) or 'run'}: {each['msg']}" for each in error.errors()]
        raise InputError("\n".join([f"{path} is not a valid config:", *mistakes])) from error
