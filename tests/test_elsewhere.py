"""What passed without torch is left out where torch is, and nothing else."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.elsewhere import Notes, pytest_collection_modifyitems

Outcomes = list[str]


def noted(file: Path, tests: dict[str, Outcomes]) -> list[str]:
    """What is written of tests with these outcomes of set-up, call and tear-down."""
    notes = Notes(file)
    for name, outcomes in tests.items():
        for when, outcome in zip(("setup", "call", "teardown"), outcomes, strict=False):
            notes.pytest_runtest_logreport(pytest.TestReport(name, (name, 1, name), {}, outcome, None, when))  # type: ignore[arg-type]
    notes.pytest_sessionfinish()
    return file.read_text(encoding="utf-8").splitlines()


def test_what_passed_from_set_up_to_tear_down_is_noted(tmp_path: Path) -> None:
    fine = ["passed", "passed", "passed"]
    tests = {"b.py::fine": fine, "a.py::fine[x y]": fine, "a.py::two\nlines": fine}
    tests["a.py::failed"] = ["passed", "failed", "passed"]
    tests["a.py::broken"] = ["failed"]
    tests["a.py::untidy"] = ["passed", "passed", "failed"]
    tests["a.py::skipped"] = ["skipped", "skipped"]
    assert noted(tmp_path / "passed", tests) == ["a.py::fine[x y]", "b.py::fine"]


def test_what_is_noted_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "passed").write_text("a.py::one\nb.py::gone\n", encoding="utf-8")
    told: list[str] = []
    hook = SimpleNamespace(pytest_deselected=lambda items: told.extend(item.nodeid for item in items))
    config = SimpleNamespace(hook=hook, getoption=lambda name: str(tmp_path / "passed"))
    items = [SimpleNamespace(nodeid=f"a.py::{name}") for name in ("one", "two")]
    pytest_collection_modifyitems(config, items)  # type: ignore[arg-type]
    assert [item.nodeid for item in items] == ["a.py::two"]
    assert told == ["a.py::one"]
