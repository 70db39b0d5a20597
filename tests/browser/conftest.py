"""A real stack on a data folder of its own, and a Chromium page that fails the test on any console error."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from tests.browser.journeys import change_password, log_in
from tests.chromium import PATIENCE_MS, wait_for_scripts

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120


@dataclass(frozen=True)
class Stack:
    """A running ``manage.py up``."""

    address: str
    password: str
    data: Path


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    data = Path(tempfile.mkdtemp(prefix="espalier-browser-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ESPALIER", "DJANGO"))}
    for name in ("DATABASE_URL", "BROKER_URL", "SECRET_KEY", "HASHED_STATIC"):
        kept.pop(name, None)
    environment = kept | {"ESPALIER_DATA": str(data), "PYTHONUNBUFFERED": "1"}
    log = data / "up.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(port), "--no-demo"],
            cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield Stack(f"http://127.0.0.1:{port}", _password(process, log), data)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        shutil.rmtree(data, ignore_errors=True)


def _password(process: subprocess.Popen[bytes], log: Path) -> str:
    """The first admin's password, once the stack says that it is up."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        said = log.read_text()
        found = re.search(r"password:?\s+(\S+)", said, re.IGNORECASE)
        if found and re.search(r"http://\S+", said):
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.3)
    raise RuntimeError(f"the stack did not come up in {START_SECONDS} s; it said:\n{log.read_text()}")


@pytest.fixture(scope="session")
def context(browser: Browser, stack: Stack) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=stack.address, viewport={"width": 1400, "height": 900})
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, stack: Stack) -> Iterator[Page]:
    """A page of the session's one browser context (so that a login lasts), watched for faults."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    wait_for_scripts(page)
    faults: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            faults.append(f"console: {message.text} ({message.location.get('url', '')})")

    def on_request(request: Request) -> None:
        if not request.url.startswith((stack.address, "data:", "blob:")):
            faults.append(f"request left the origin: {request.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("request", on_request)
    yield page
    page.close()
    assert not faults, "\n".join(faults)


@pytest.fixture
def visitor(page: Page, stack: Stack) -> Iterator[Page]:
    """Logged in, whatever ran before on this stack."""
    page.goto("/runs/")
    if "/login/" in page.url:
        log_in(page, stack.password)
        page.wait_for_url(re.compile("/accounts/password/"))
        change_password(page, stack.password)
    return page
