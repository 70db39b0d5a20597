"""Inputs drawn without a template are those that Django's templates draw."""

from typing import Any

import pytest
from django import forms
from django.forms.renderers import TemplatesSetting

from webapp.runs.plain_inputs import PlainInputs


@pytest.mark.parametrize(
    "value", [None, "", 0, 0.5, "'\"><script>alert(1)</script>&", "a {b} {{ c }}"], ids=lambda value: repr(value)[:12]
)
@pytest.mark.parametrize("widget", [forms.NumberInput, forms.TextInput, forms.Textarea])
def test_they_look_as_ever(widget: type[forms.Widget], value: Any) -> None:
    attrs = {"min": 1, "step": "any", "required": True, "disabled": False, "placeholder": '"<b>'}
    ours, theirs = (
        widget(attrs).render("a.b", value, {"id": "x"}, renderer=renderer).replace(">", " >").split()
        for renderer in (PlainInputs(), TemplatesSetting())
    )
    assert sorted(ours) == sorted(theirs)
