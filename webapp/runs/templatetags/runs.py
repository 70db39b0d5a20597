"""How the pages of runs write values."""

import json
from typing import Any

from django import template

from webapp.runs.escapes import on_one_line

register = template.Library()


@register.filter
def knob(value: Any) -> str:
    """A config's value as in its file, on one line: ``true``, ``none``, ``[1, 2]``, bare text."""
    if value is None:
        return "none"
    return on_one_line(value) if isinstance(value, str) else json.dumps(value)


@register.filter
def signed_percent(share: float) -> str:
    """A change as ``+12.5 %`` or ``−3.0 %``."""
    return f"{'+' if share > 0 else '−' if share < 0 else '±'}{abs(100 * share):.1f} %"


@register.filter
def chart_key(name: str) -> str:
    """A metric's name as part of an element's id."""
    return name.replace("/", "-")
