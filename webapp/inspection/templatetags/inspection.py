"""How pages write text of unknown origin, signed numbers and small bars."""

from typing import Any

from django import template
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from webapp.core.templatetags.espalier import figure, query
from webapp.inspection import notes
from webapp.inspection import visible as visible_text
from webapp.inspection.models import RolloutGroup
from webapp.runs.models import Run

register = template.Library()


@register.filter
def visible(text: Any) -> str:
    """Model output with hidden and reordering characters made visible. Still plain text: the template escapes it."""
    return visible_text.visible(str(text)) if text is not None else ""


@register.filter
def signed(value: Any, digits: int = 3) -> str:
    """A number with its sign: ``+1.21``, ``−0.53``, ``0``."""
    if value is None or value == "":
        return "–"
    number = float(value)
    sign = "+" if number > 0 else "−" if number < 0 else ""
    return sign + figure(abs(number), digits)


@register.filter
def points(value: Any) -> str:
    """A difference of shares in percentage points: ``+12.5``, ``−3.0``, ``±0.0``."""
    if value is None:
        return "–"
    number = round(100 * float(value), 1)
    sign = "+" if number > 0 else "−" if number < 0 else "±"
    return f"{sign}{abs(number):.1f}"


@register.filter
def size(value: Any, digits: int = 3) -> str:
    """A number without its sign."""
    return figure(abs(float(value or 0)), digits)


@register.filter
def direction(value: Any) -> str:
    """``up``, ``down`` or ``flat``: the sign of a number as a CSS class."""
    number = float(value or 0)
    return "up" if number > 0 else "down" if number < 0 else "flat"


@register.simple_tag
def bar(value: float | None, most: float = 1.0) -> SafeString:
    """A small horizontal bar, as long as the value's size is of ``most``."""
    share = min(abs(value or 0.0) / most, 1.0) if most else 0.0
    return format_html(
        '<svg class="bar {}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="ground" width="100" height="8"/><rect class="fill" width="{}" height="8"/></svg>',
        direction(value),
        round(share * 100, 1),
    )


@register.filter
def of(mapping: dict[Any, Any], key: Any) -> Any:
    """What ``mapping`` holds for ``key``; None for nothing."""
    return mapping.get(key)


@register.simple_tag
def group_notes(group: RolloutGroup, run: Run) -> list[notes.Note]:
    """The badges of a group."""
    return notes.group_notes(group, run.config)


@register.simple_tag(takes_context=True)
def sort_address(context: dict[str, Any], sort: str, key: str) -> str:
    """The page sorted by ``key``: highest first, or lowest first when it is highest first now."""
    request: HttpRequest = context["request"]
    return request.path + query(context, sort=key if sort == f"-{key}" else f"-{key}", after="")
