"""What tests ask of the pages of evaluations: a page, or what its form would send."""

import uuid
from typing import Any

from django.test import Client


def page(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status, response.content.decode()[-2000:]
    return response.content.decode()


def form(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "model": "builtin", "template": "chat", "problems": "builtin:easy", "split": "heldout", "count": 8,
        "samples": 2, "temperature": 1.0, "max_tokens": 32, "greedy": "on", "search": "", "seed": 0,
        "start_id": str(uuid.uuid4()),
    }  # fmt: skip
    return values | changes
