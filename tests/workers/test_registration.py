"""A worker's row: written at each heartbeat, taken over by its successor, gone after silence."""

from datetime import timedelta
from importlib.util import find_spec

import pytest
from django.db import OperationalError
from django.utils import timezone

from tests.webapp.machines.made import FakeGpus, made_gpu, made_processor, made_worker
from webapp.machines.models import KEPT, KEPT_POINTS, SILENCE, Worker, WorkerState, registered
from workers import host
from workers.registration import Identity, Registration, versions

pytestmark = pytest.mark.django_db
IDENTITY = Identity("gpu@here", ("gpu",), 1)


def registration(gpus: FakeGpus | None = None, **values: object) -> Registration:
    return Registration(IDENTITY, gpus or FakeGpus((made_gpu(),)), made_processor, **values)  # type: ignore[arg-type]


def test_it_says_what_it_is_and_what_its_devices_do() -> None:
    registration().round()
    row = registered("gpu").get()
    assert (row.name, row.queues, row.concurrency, row.is_ready) == ("gpu@here", ["gpu"], 1, True)
    assert row.gpus_now == (made_gpu(),)
    assert row.processor_now == made_processor()
    assert host.this_process() in row.processes
    assert ("python" in row.versions, "torch" in row.versions) == (True, find_spec("torch") is not None)
    assert row.history == {"cpu": [0.4], made_gpu().uuid: [0.93]}
    assert not registered("cpu").exists()


def test_curves_grow_to_their_length_and_end_with_their_gpu() -> None:
    gpus = FakeGpus((made_gpu(),))
    voice = registration(gpus)
    for _ in range(KEPT_POINTS + 3):
        voice.tell()
    gpus.gpus = ()
    voice.tell()
    history = Worker.objects.get().history
    assert {name: len(points) for name, points in history.items()} == {"cpu": KEPT_POINTS}


def test_a_worker_that_starts_again_takes_its_row_over_and_an_older_one_no_longer_speaks_for_it() -> None:
    made_worker("gpu@here", state=WorkerState.STOPPED, heartbeat_at=timezone.now() - SILENCE)
    voice = registration()
    voice.round()
    row = Worker.objects.get()
    assert (row.is_ready, row.process) == (True, host.this_process())
    Worker.objects.update(process="another:1:1.00")
    voice.close()
    assert Worker.objects.get().is_ready


def test_it_says_when_it_ends() -> None:
    voice = registration()
    voice.round()
    voice.close()
    assert Worker.objects.get().state == WorkerState.STOPPED
    assert not registered().exists()


def test_a_silent_worker_is_lost_and_later_forgotten() -> None:
    made_worker("gpu@gone", heartbeat_at=timezone.now() - SILENCE - timedelta(seconds=1))
    assert Worker.objects.get().is_lost
    assert not registered().exists()
    Worker.objects.update(heartbeat_at=timezone.now() - KEPT - timedelta(seconds=1))
    registration().round()
    assert [row.name for row in Worker.objects.all()] == ["gpu@here"]


def test_while_the_database_is_away_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    voice = registration(look=lambda: looked.append(1))
    with monkeypatch.context() as outage:
        outage.setattr(Worker.objects, "update_or_create", lambda **_: (_ for _ in ()).throw(OperationalError("away")))
        outage.setattr("workers.registration.connection.close", lambda: None)
        voice.round()
    assert looked == []
    voice.round()
    assert looked == [1]
    assert registered().exists()


def test_versions_name_what_is_installed_and_nothing_else() -> None:
    assert set(versions(("django", "no-such-package"))) == {"python", "django"}
