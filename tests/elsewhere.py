"""A pytest plugin: what passed in one environment need not run again in another.

`--note-passed FILE` writes the names of the tests that passed, `--skip-passed FILE` leaves these out. So the tests of
the web run once, where there is no torch, and the rest where there is.
"""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Both name a file, absolute or from where pytest was started."""
    group = parser.getgroup("elsewhere")
    group.addoption("--note-passed", metavar="FILE", help="write the names of the tests that passed to FILE")
    group.addoption("--skip-passed", metavar="FILE", help="leave out the tests that FILE names")


def pytest_configure(config: pytest.Config) -> None:
    """Under xdist the first process notes: it hears of every test."""
    file: str | None = config.getoption("--note-passed")
    if file and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Notes(Path(file)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what passed elsewhere. Raises FileNotFoundError."""
    file: str | None = config.getoption("--skip-passed")
    if not file:
        return
    passed = set(Path(file).read_text(encoding="utf-8").splitlines())
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in passed])
    items[:] = [item for item in items if item.nodeid not in passed]


class Notes:
    """Of a test, the set-up, the call and the tear-down have passed, or it did not pass."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._called: set[str] = set()
        self._spoilt: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that is expected to fail counts as skipped."""
        if not report.passed:
            self._spoilt.add(report.nodeid)
        elif report.when == "call":
            self._called.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """A line for each."""
        names = sorted(name for name in self._called - self._spoilt if "\n" not in name)
        self._file.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
