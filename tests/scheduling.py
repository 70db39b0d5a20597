"""A pytest plugin: which process takes which test files, and in which order.

Files that share a stack go to one process, so that it starts once. The files that take longest begin first, or the
others would wait for them in the end.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

SHARED = ("tests/browser/", "tests/workers/beaten/")
"""Folders whose files share one stack."""
LONG = (*SHARED, "tests/training/test_processes.py", "tests/training/test_resume.py", "tests/training/test_recipe.py")
"""What takes half a minute or more, beginning with what takes most."""


class ByFile(LoadFileScheduling):
    """Files, and shared folders, as units, in the order in which they are collected."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((folder for folder in SHARED if file.startswith(folder)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Takes the place of `--dist`'s own."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first."""
    items.sort(key=lambda item: next((i for i, path in enumerate(LONG) if item.nodeid.startswith(path)), len(LONG)))
