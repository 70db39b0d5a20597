"""The base class of every config: frozen, strict about names, documented under each field."""

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """A group of knobs. The docstring under a field is its help text, everywhere it is shown."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        validate_default=True,
        allow_inf_nan=False,
    )
