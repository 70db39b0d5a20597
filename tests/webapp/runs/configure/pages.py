"""The new-run page as a browser reads and sends it."""

import re
import uuid
from typing import Any

from django.test import Client

from tests.webapp.runs.configure.configs import sent_by_browser
from training.config import RunConfig
from webapp.runs.configure.forms import as_posted
from webapp.runs.knobs import values_of
from webapp.runs.models import Run

NEW = "/runs/new/"


def page_of(client: Client, address: str) -> str:
    response = client.get(address, follow=True)
    assert response.status_code == 200
    return str(response.content.decode())


def form_of(html: str) -> dict[str, str]:
    """What the browser would send of the page's run form."""
    (form,) = re.findall(r'<form id="run-form".*?</form>', html, re.DOTALL)
    return sent_by_browser(form).dict()  # type: ignore[return-value]


def posted(config: RunConfig, **changes: Any) -> dict[str, Any]:
    given = as_posted(values_of(config)).dict()
    return given | {"run-start_id": str(uuid.uuid4()), "run-name": ""} | changes


def stored(config: RunConfig, **fields: Any) -> Run:
    return Run.objects.create(
        **{"name": "first", "method": "grpo", "problems": "x", "config": config.model_dump(mode="json")} | fields
    )
