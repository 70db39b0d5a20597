"""Problem sets and uploads for the tests of this app."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from training.reading import Accepted
from webapp.accounts.models import User
from webapp.datasets import imports, intake, usage
from webapp.datasets.models import Import, ProblemSet
from webapp.datasets.services import store_problem_set

Make = Callable[..., ProblemSet]


@pytest.fixture(autouse=True)
def own_folders(settings: Settings, tmp_path: Path) -> None:
    settings.PROBLEM_SETS_DIR = tmp_path / "problem-sets"
    settings.UPLOADS_DIR = tmp_path / "uploads"


@pytest.fixture(autouse=True)
def no_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_finders", [])


@pytest.fixture
def make_set(researcher: User) -> Make:
    def make(name: str = "Plums", count: int = 3, **changes: str) -> ProblemSet:
        return store_problem_set(
            [problem(number, **changes) for number in range(1, count + 1)],
            name=name,
            description="",
            source="plums.jsonl",
            mapping={},
            report={},
            user=researcher,
        )

    return make


def problem(number: int, **changes: str) -> Accepted:
    values = {
        "source": "plums.jsonl",
        "row": number,
        "prompt": f"{number} plums and {number} more?",
        "answer": str(2 * number),
        "solution": "",
        "split": "train" if number % 3 else "heldout",
        "level": "",
        "note": "",
    }
    return Accepted(**{**values, **changes})  # type: ignore[arg-type]


def upload(rows: Iterable[Any], name: str = "rows.jsonl") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, "".join(json.dumps(row) + "\n" for row in rows).encode())


def checked(rows: Iterable[Any], user: User) -> Import:
    """An import of ``rows`` under the proposed plan, checked."""
    record = intake.start_upload({"main": upload(rows)}, user)
    imports.check(record)
    record.refresh_from_db()
    return record
