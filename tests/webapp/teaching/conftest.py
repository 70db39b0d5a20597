"""Folders of their own for the tests of this app."""

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def own_folders(settings: Settings, tmp_path: Path) -> None:
    settings.PROBLEM_SETS_DIR = tmp_path / "problem-sets"
    settings.TEACHINGS_DIR = tmp_path / "teachings"
