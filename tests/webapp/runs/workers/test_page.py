"""The page in a browser and without: its states, what it links, narrow and dark screens."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, fits_narrow, in_thread, page_of
from tests.webapp.machines.made import made_gpu, made_worker
from tests.webapp.runs.workers.test_queueing import running, waiting
from webapp.accounts.models import User
from webapp.machines.models import SILENCE, Worker, WorkerState
from webapp.runs.workers.page import curve_of

PAGE = "/workers/"
POLLS = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  const asked = new CustomEvent("htmx:beforeRequest", { bubbles: true, cancelable: true });
  return document.getElementById("workers-status").dispatchEvent(asked);
}"""
"""Whether the page would ask now for what is new."""


@pytest.mark.django_db
def test_without_a_worker_it_says_how_to_start_one(researcher_client: Client, viewer: User) -> None:
    text = researcher_client.get(PAGE).content.decode()
    assert "No worker that trains is registered" in text
    assert "celery --app workers.app worker --queues gpu" in text
    assert 'Nothing waits. <a id="new-run"' in text
    researcher_client.force_login(viewer)
    assert 'id="new-run"' not in researcher_client.get(PAGE).content.decode(), "a viewer begins none"


@pytest.mark.django_db
def test_machines_show_their_devices_and_their_work(
    researcher_client: Client, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    gpu = made_gpu(temperature=92.0, used=76 * 2**30)
    run = running(made_worker("gpu@rack", (gpu, made_gpu(1, utilisation=None, temperature=None))), gpus=(gpu.uuid,))
    made_worker("cpu@<b>web</b>", queues=["cpu"], concurrency=2)
    stuck = waiting("needs more", gpu_kind="H100", processes=4)
    with django_assert_max_num_queries(14):
        text = researcher_client.get(PAGE).content.decode()
    assert "GPU 0 · NVIDIA H100 80GB HBM3" in text
    assert text.count("▶ Busy") == 1
    assert text.count("● Idle") == 1
    assert text.count(f'href="/runs/{run.pk}/"') == 2  # beside the worker and beside its GPU
    assert "92 °C" in text
    assert "△ hot" in text
    assert "△ nearly full" in text
    assert "<b>web</b>" not in text
    assert "No worker that trains" not in text
    assert "Waits for a machine with 4 GPUs of kind H100; none is registered." in text
    twin = researcher_client.get(PAGE, {"format": "json"}).json()
    assert [each["name"] for each in twin["workers"]] == ["cpu@<b>web</b>", "gpu@rack"]
    assert twin["queue"][0]["run"] == stuck.pk


@pytest.mark.django_db
def test_workers_that_are_gone_are_told_apart(researcher_client: Client) -> None:
    made_worker("gpu@lost", heartbeat_at=timezone.now() - SILENCE - timedelta(seconds=1))
    made_worker("gpu@ended", state=WorkerState.STOPPED)
    text = researcher_client.get(PAGE).content.decode()
    assert "⚠ Lost" in text
    assert "○ Stopped" in text
    assert "No worker that trains is registered" in text


def test_a_curve_ends_at_the_right_edge_and_leaves_gaps() -> None:
    assert curve_of([0.5]) == ""
    path = curve_of([0.0, None, 1.0, 2.0])
    assert path.startswith("M")
    assert path.count("M") == 2
    assert path.endswith("L94.0 2.0")


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_page_lives_and_fits(browser: Browser, live_server: LiveServer, researcher_client: Client) -> None:
    gpu = made_gpu()
    running(made_worker("gpu@rack", (gpu,)), gpus=(gpu.uuid,))
    waiting("waits long")
    with page_of(researcher_client, browser, live_server.url) as page:
        page.goto(PAGE)
        page.get_by_role("button", name="Machines").click()
        expect(page.get_by_role("link", name="Workers", exact=True)).to_have_attribute("aria-current", "page")
        accessible(page)
        in_thread(lambda: Worker.objects.update(state=WorkerState.STOPPED))
        expect(page.get_by_text("○ Stopped")).to_be_visible()
        in_thread(lambda: Worker.objects.update(state=WorkerState.READY, heartbeat_at=timezone.now()))
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        accessible(page)
        page.get_by_role("link", name="waits long").focus()
        in_thread(lambda: Worker.objects.update(state=WorkerState.STOPPED))
        expect(page.get_by_text("○ Stopped")).to_be_visible()
        expect(page.get_by_role("link", name="waits long")).to_be_focused()
        assert [page.evaluate(POLLS, hidden) for hidden in (False, True)] == [True, False]
        page.set_viewport_size(NARROW)
        fits_narrow(page, PAGE)
