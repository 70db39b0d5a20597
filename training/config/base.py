"""The base class of every config: frozen, strict about names, documented under each field."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Config(BaseModel):
    """A group of knobs. The docstring under a field is its help text, everywhere it is shown."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        validate_default=True,
        allow_inf_nan=False,
    )


def impossible(message: str, *fixes: Mapping[str, object]) -> PydanticCustomError:
    """The error of knobs that are fine one by one but cannot go together, for a model validator to raise.

    Each of ``fixes`` is one way out: knobs, named as pydantic would from the model that raises
    (``sampling.prompts_per_step``), and the values that make the set possible. They travel in the error's ``ctx``, so
    that a form can offer them.
    """
    return PydanticCustomError("impossible", "{reason}", {"reason": message, "fixes": [dict(fix) for fix in fixes]})
