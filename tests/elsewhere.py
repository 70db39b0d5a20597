"""A pytest plugin: what passed whole in one environment need not be passed again in another.

`--passed-to FILE` writes the files of tests of which every test ran and passed; `--passed-in FILE` leaves these out,
and the header says how many they are. So CI tests the web where there is no torch, and there only.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

LEFT_OUT = pytest.StashKey[frozenset[str]]()
DESELECTED = "deselected_files"
"""Where a process of xdist tells what it was told to leave out; the others see no test but those that ran."""


class Passed:
    """Of which files every test passed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.seen: set[str] = set()
        self.not_whole: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.split("::")[0]
        self.seen.add(name)
        if not report.passed:
            self.not_whole.add(name)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.not_whole |= files_of(items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.not_whole |= set(getattr(node, "workeroutput", {}).get(DESELECTED, ()))

    def pytest_sessionfinish(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text("".join(f"{name}\n" for name in sorted(self.seen - self.not_whole)))


class Worker:
    """Tells the process that gathers the reports of which files tests were deselected."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.deselected: set[str] = set()

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.deselected |= files_of(items)

    def pytest_sessionfinish(self) -> None:
        self.config.workeroutput[DESELECTED] = sorted(self.deselected)  # type: ignore[attr-defined]


def files_of(items: list[pytest.Item]) -> set[str]:
    """The files of these tests, as they are named in reports."""
    return {item.nodeid.split("::")[0] for item in items}


def pytest_addoption(parser: pytest.Parser) -> None:
    """The two options."""
    group = parser.getgroup("elsewhere")
    group.addoption("--passed-to", type=Path, metavar="FILE", help="write which files of tests passed whole")
    group.addoption("--passed-in", type=Path, metavar="FILE", help="leave out the files of tests that FILE names")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to gather, or read what is left out."""
    if config.option.passed_to:
        is_worker = hasattr(config, "workerinput")
        config.pluginmanager.register(Worker(config) if is_worker else Passed(config.option.passed_to.absolute()))
    if config.option.passed_in:
        try:
            config.stash[LEFT_OUT] = frozenset(config.option.passed_in.read_text().splitlines())
        except OSError as error:
            raise pytest.UsageError(f"--passed-in: {error}") from error


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Whether the file is left out; None leaves that to others."""
    left_out = config.stash.get(LEFT_OUT, frozenset())
    return True if left_out and collection_path.relative_to(config.rootpath).as_posix() in left_out else None


def pytest_report_header(config: pytest.Config) -> Iterator[str]:
    """How much is left out."""
    if LEFT_OUT in config.stash:
        yield f"files of tests left out, since they passed in another environment: {len(config.stash[LEFT_OUT])}"
