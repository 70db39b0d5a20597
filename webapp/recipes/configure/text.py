"""Recipes as YAML and JSON: written with what differs from the defaults, read with the line of every mistake."""

from typing import Any

from pydantic import BaseModel

from training.config.recipe import Recipe
from webapp.runs.configure.files import read_as, to_yaml


def write_recipe(recipe: Recipe) -> str:
    """As YAML, without what is at its default; what it reads back is equal."""
    return to_yaml(_telling(recipe))


def read_recipe_text(text: str) -> Recipe:
    """The recipe that a YAML or JSON text holds. Raises FileError with one mistake for each thing wrong."""
    return read_as(text, Recipe)


def _telling(config: BaseModel) -> dict[str, Any]:
    """The values that are not the defaults; of a choice always its kind, which says what the others are."""
    told: dict[str, Any] = {"kind": kind} if (kind := getattr(config, "kind", None)) else {}
    for name, info in type(config).model_fields.items():
        value = getattr(config, name)
        if name != "kind" and (info.is_required() or value != info.get_default(call_default_factory=True)):
            told[name] = _told(value)
    return told


def _told(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _telling(value)
    return [_told(each) for each in value] if isinstance(value, tuple) else value
