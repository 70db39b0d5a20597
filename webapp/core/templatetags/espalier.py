"""Template tags and filters that every page may use."""

import math
from datetime import datetime
from typing import Any

from django import template
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def figure(value: Any, digits: int = 3) -> str:
    """A number with so many significant digits; a true minus; an en dash for none, ``∞`` and ``NaN`` as such."""
    if value is None or value == "":
        return "–"
    number = float(value)
    if math.isnan(number):
        return "NaN"
    if number < 0:
        return "−" + figure(-number, digits)
    if math.isinf(number):
        return "∞"
    if number and not 1e-4 <= number < 1e6:
        return f"{number:.{digits - 1}e}"
    if number >= 10 ** (digits - 1):
        return f"{number:,.0f}"
    return f"{number:.{digits}g}"


@register.filter
def percent(value: Any) -> str:
    """A share as a percentage."""
    return "–" if value is None else f"{100 * float(value):.1f} %"


@register.filter
def duration(seconds: Any) -> str:
    """Seconds as ``1 h 02 m``, ``3 m 05 s`` or ``12 s``."""
    if seconds is None:
        return "–"
    whole = round(float(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes:02d} m"
    return f"{minutes} m {rest:02d} s" if minutes else f"{rest} s"


@register.filter
def size(count: Any) -> str:
    """Bytes in the largest unit that leaves a number of at least 1."""
    number = float(count or 0)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(number) < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


@register.simple_tag
def when(moment: datetime | None) -> SafeString:
    """A moment as a ``<time>``; the browser shows it in the reader's own time zone."""
    if moment is None:
        return SafeString("–")
    utc = timezone.localtime(moment, timezone.UTC) if hasattr(timezone, "UTC") else moment
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(), utc.strftime("%Y-%m-%d %H:%M UTC"))


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The page's query string with some values changed; an empty value removes its name."""
    request: HttpRequest = context["request"]
    params: QueryDict = request.GET.copy()
    for name, value in changes.items():
        if value in (None, ""):
            params.pop(name, None)
        else:
            params[name] = str(value)
    return f"?{params.urlencode()}"
