"""A pytest plugin for environments that have the web's requirements and no more: skips files that need others.

A file of tests that imports one of `ABSENT` is skipped as a whole, and the reason names what is missing. That no module
of the web or the workers needs them is tested elsewhere (`tests.deployment.test_without_torch`).
"""

from collections.abc import Generator

import pytest

ABSENT = frozenset({"axe_playwright_python", "peft", "playwright", "torch", "transformers", "vllm"})


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if isinstance(collector, pytest.Module) and report.failed and (missing := _missing(report)):
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 1, f"needs {missing}, which the web does without")
    return report


def _missing(report: pytest.CollectReport) -> str:
    """The absent package for whose sake the file cannot be imported; empty when that is not why."""
    call = getattr(report, "call", None)
    cause: BaseException | None = call.excinfo.value if call and call.excinfo else None
    while cause is not None:
        if isinstance(cause, ModuleNotFoundError) and (cause.name or "").split(".")[0] in ABSENT:
            return (cause.name or "").split(".")[0]
        cause = cause.__cause__
    return ""
