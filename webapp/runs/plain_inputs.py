"""Draws the inputs of a form without a template each: a form of hundreds of knobs spends half of its time there."""

from typing import Any

from django.forms.renderers import TemplatesSetting
from django.forms.utils import flatatt
from django.http import HttpRequest
from django.utils.html import format_html

DRAWN = frozenset({"django/forms/widgets/number.html", "django/forms/widgets/text.html"})


class PlainInputs(TemplatesSetting):
    """Numbers and single lines are written here, as Django's own templates do; the rest by these."""

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> str:
        if template_name not in DRAWN:
            return super().render(template_name, context, request)
        widget = context["widget"]
        value = "" if widget["value"] is None else format_html(' value="{}"', widget["value"])
        return format_html(
            '<input type="{}" name="{}"{}{}>', widget["type"], widget["name"], value, flatatt(widget["attrs"])
        )
