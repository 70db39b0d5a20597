"""Questions carried by a worker with a child that answers without a model; lost workers, lost messages, stops."""

import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.utils import timezone

from tests.webapp.machines.made import FakeGpus, made_gpu, made_worker
from tests.webapp.playground.made import config
from tests.webapp.runs.workers.test_queueing import running
from tests.workers.carried_jobs import in_threads, until
from webapp.accounts.models import User
from webapp.core import job_states
from webapp.core.jobs import Job, JobState
from webapp.playground import services
from webapp.playground.models import Question
from workers import dispatch, jobs, queue
from workers import playground as worker
from workers.maintenance import maintain, reap_lost_jobs
from workers.playground import chat

pytestmark = pytest.mark.django_db(transaction=True)

FAKE = """
import json, pathlib, sys, time
config, out = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[4])
word = json.loads(config.read_text())["turns"][-1]["text"]
with out.open("w") as file:
    def write(**line):
        file.write(json.dumps({"model": 0, "sample": 0} | line) + "\\n"); file.flush()
    write(text="It", length=1)
    if word == "refuse":
        print("error: too long a conversation", file=sys.stderr); sys.exit(2)
    while word == "wait" and not (config.parent / "go").exists():
        time.sleep(0.02)
    write(text="It is 7.", length=3, finish_reason="stop")
"""


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch, settings: LazySettings, tmp_path: Path) -> None:
    monkeypatch.setattr(jobs, "TICK_S", 0.05)
    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-c", FAKE))
    settings.PLAYGROUND_DIR = tmp_path


@pytest.fixture
def asked(researcher: User) -> Callable[[str], Question]:
    return lambda text: services.begin(researcher, config(samples=1, text=text), uuid.uuid4())


@pytest.fixture
def meanwhile() -> Iterator[Callable[[Job], None]]:
    with in_threads(chat) as begin:
        yield begin


def carried(question: Question) -> Question:
    chat(question.pk)
    question.refresh_from_db()
    return question


def test_it_is_answered_once_however_often_the_message_comes(asked: Callable[[str], Question]) -> None:
    question = asked("What is 3 plus 4?")
    for _ in range(2):
        carried(question)
    assert (question.state, question.attempt, question.done, question.total) == (JobState.SUCCEEDED, 1, 1, 1)
    assert question.answers == [[{"model": 0, "sample": 0, "text": "It is 7.", "length": 3, "finish_reason": "stop"}]]
    assert not question.folder.exists()


def test_a_lost_worker_is_noticed_and_another_answers_anew(
    asked: Callable[[str], Question], meanwhile: Callable[[Job], None], settings: LazySettings
) -> None:
    settings.HEARTBEAT_LOST_SECONDS = 0.5  # or a database that has just started is not believed
    question = asked("wait")
    lost = job_states.claim(Question, question.pk, "elsewhere:1:1:1.0")
    assert lost is not None
    lost.folder.mkdir(parents=True)
    half = lost.answers_file.open("w")
    half.write('{"model": 0, "sample": 0, "text": "of a lost worker", "length": 4}\n')
    half.flush()
    Question.objects.update(heartbeat_at=timezone.now() - timedelta(hours=1))
    reap_lost_jobs()
    question.refresh_from_db()
    assert (question.state, question.losses) == (JobState.QUEUED, 1)
    meanwhile(question)
    until(question, lambda question: question.written()[0][0].get("text") == "It")
    half.write('{"model": 0, "sample": 0, "text": "of one that is not dead after all", "length": 9}\n')
    half.close()
    assert not job_states.succeed(lost, {})
    assert question.written()[0][0]["text"] == "It"
    (question.folder / "go").touch()
    until(question, lambda question: question.state == JobState.SUCCEEDED)
    assert (question.attempt, question.chosen and question.chosen["text"]) == (2, "It is 7.")


def test_it_is_answered_beside_the_run_that_has_the_gpu(
    asked: Callable[[str], Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "reader", FakeGpus((made_gpu(),)))
    running(made_worker(gpus=(made_gpu(),)), gpus=(made_gpu().uuid,))
    question = carried(asked("What is 3 plus 4?"))
    assert (question.state, question.gpus) == (JobState.SUCCEEDED, [])
    assert worker.QuestionWork(question).devices() == {}
    question.config["hardware"]["device"] = "cpu"
    assert worker.QuestionWork(question).devices() == {"CUDA_VISIBLE_DEVICES": ""}


def test_a_config_that_is_valid_no_more_fails_in_words(asked: Callable[[str], Question]) -> None:
    question = asked("What is 3 plus 4?")
    Question.objects.update(config=question.config | {"gone": True})
    assert carried(question).state == JobState.FAILED
    assert "could not be carried out" in question.error
    assert question.answers == [[{}]]


def test_a_stop_keeps_what_is_written(asked: Callable[[str], Question], meanwhile: Callable[[Question], None]) -> None:
    question = asked("wait")
    meanwhile(question)
    until(question, lambda question: question.written()[0][0])
    job_states.stop(question)
    until(question, lambda question: question.state == JobState.STOPPED)
    assert question.answers[0][0]["text"] == "It"


def test_what_failed_is_said_and_what_takes_too_long_is_given_up(
    asked: Callable[[str], Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    question = carried(asked("refuse"))
    assert (question.state, question.error) == (JobState.FAILED, "too long a conversation")
    assert question.answers[0][0]["text"] == "It"
    monkeypatch.setattr(worker, "LIMIT_S", 0)
    question = carried(asked("wait"))
    assert question.state == JobState.FAILED
    assert "was given up" in question.error
    assert not question.folder.exists()


def test_one_whose_message_is_lost_is_sent_again(asked: Callable[[str], Question]) -> None:
    def purge() -> None:
        with queue.app.connection_for_write() as broker:
            queue.app.amqp.queues["preflight"].bind(broker.default_channel).purge()

    def waiting() -> int:
        return queue.messages_by_queue()["preflight"]

    purge()
    asked("one")
    asked("two")
    assert waiting() == 2
    purge()
    for _ in range(2):
        maintain()
        assert waiting() == 2
    purge()
