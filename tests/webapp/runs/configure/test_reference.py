"""The reference of all knobs."""

import pytest
from django.test import Client

from tests.webapp.runs.configure.pages import page_of
from training.config import RunConfig
from webapp.accounts.models import User
from webapp.runs.knobs import knobs_of

pytestmark = pytest.mark.django_db


def test_the_reference_says_once_what_methods_share(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    html = page_of(client, "/runs/reference/")
    assert html.count(">method.sampling.temperature</a>") == 1
    assert html.count(">method.loss.clip_high</a>") == 2  # with defaults of their own
    assert "method.kind = GRPO or DeepSearch" in html
    assert "learn from no other." in html
    assert r'<td class="mono">\n</td>' in html


def test_the_reference_explains_every_knob(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    html = page_of(client, "/runs/reference/")
    for name, knob in knobs_of(RunConfig).items():
        assert f' id="{name}">' in html
        assert f">{knob.path}</a>" in html


def test_the_schema_is_pydantics_own(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    assert client.get("/runs/reference/schema.json").json() == RunConfig.model_json_schema()
