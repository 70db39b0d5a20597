"""Conversations: asked once, gone on with from a response, asked again, deleted, sent to labelers."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.webapp.playground.made import answered, config, response
from training.config.chat import ChatConfig, ChatSampling
from webapp.accounts.models import User
from webapp.core import job_states
from webapp.core.errors import UserError
from webapp.core.jobs import JobState
from webapp.labeling.choices import Mode
from webapp.labeling.models import LabelItem, LabelProject
from webapp.playground import services
from webapp.playground.models import Chat, Question

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sent(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.PLAYGROUND_DIR = tmp_path
    with patch("workers.queue._send"):
        yield


def test_the_same_form_sent_twice_asks_once(researcher: User) -> None:
    start = uuid.uuid4()
    first = services.begin(researcher, config(), start)
    assert services.begin(researcher, config(), start) == first
    assert Chat.objects.get().names == ["Trained"]
    assert Question.objects.count() == 1


def taken(question: Question) -> Question:
    """In a worker's hands."""
    claimed = job_states.claim(Question, question.pk, "elsewhere:1:1:1.0")
    assert claimed is not None
    claimed.folder.mkdir(parents=True)
    return claimed


def test_what_is_being_written_can_be_read_line_by_line_and_is_kept_at_the_end(researcher: User) -> None:
    question = taken(services.begin(researcher, config(samples=2), uuid.uuid4()))
    assert question.answers_now() == [[{}, {}]]
    grown = {"model": 0, "sample": 1, "text": "<ans\x00", "length": 2}
    question.answers_file.write_text(json.dumps(grown) + "\n" + '{"model": 0, "sam')
    shown = [[{}, grown | {"text": "<ans\ufffd"}]]
    assert question.answers_now() == shown
    job_states.end(question, JobState.STOPPED)
    services.clear(question.pk)
    question.refresh_from_db()
    assert (question.state, question.answers, question.answers_now()) == (JobState.STOPPED, shown, shown)
    assert not question.folder.exists()


def test_what_a_worker_wrote_that_gave_it_back_is_kept_when_it_is_stopped_before_another_takes_it(
    researcher: User,
) -> None:
    question = taken(services.begin(researcher, config(samples=1), uuid.uuid4()))
    question.answers_file.write_text(json.dumps(response("It is") | {"model": 0, "sample": 0}) + "\n")
    job_states.hand_back(question)
    job_states.stop(question)
    question.refresh_from_db()
    assert (question.state, question.answers[0][0]["text"]) == (JobState.STOPPED, "It is")


def test_nobody_clears_away_what_another_worker_writes(researcher: User) -> None:
    question = taken(services.begin(researcher, config(), uuid.uuid4()))
    services.clear(question.pk)
    assert question.folder.exists()


def test_one_that_failed_is_asked_again_without_its_first_words(researcher: User) -> None:
    question = taken(services.begin(researcher, config(samples=1), uuid.uuid4()))
    question.answers_file.write_text(json.dumps(response("It is 8.") | {"model": 0, "sample": 0}) + "\n")
    job_states.end(question, JobState.FAILED, "no memory")
    question.refresh_from_db()
    assert question.answers[0][0]["text"] == "It is 8."
    services.ask_again(question)
    question.refresh_from_db()
    assert (question.state, question.answers, question.error) == (JobState.QUEUED, [], "")
    with pytest.raises(UserError, match="nothing to go on with"):
        services.ask_again(question)


def test_a_conversation_goes_on_from_the_response_that_was_chosen(researcher: User) -> None:
    question = answered(researcher, "It is 7.", "It is 8.")
    services.choose(question, 0, 1)
    later = services.go_on(question.chat, researcher, "Sure?", "7", ChatSampling(samples=1), uuid.uuid4())
    turns = [(turn.role, turn.text) for turn in ChatConfig.model_validate(later.config).turns]
    assert turns == [("user", "What is 3 plus 4?"), ("assistant", "It is 8."), ("user", "Sure?")]
    assert later.number == 2
    with pytest.raises(UserError, match="gone on already"):
        services.choose(question, 0, 0)
    with pytest.raises(UserError, match="not answered yet"):
        services.go_on(question.chat, researcher, "And?", "", ChatSampling(), uuid.uuid4())
    with pytest.raises(UserError, match="no such response"):
        services.choose(question, 1, 0)
    assert services.delete_from(later)
    assert not services.delete_from(question)
    assert not Chat.objects.exists()


def test_a_conversation_that_has_gone_on_keeps_its_questions_as_they_are(researcher: User) -> None:
    question = answered(researcher, "It is 7.")
    Question.objects.filter(pk=question.pk).update(state=JobState.STOPPED)
    services.go_on(question.chat, researcher, "Sure?", "", ChatSampling(), uuid.uuid4())
    with pytest.raises(UserError, match="gone on already"):
        services.ask_again(question)


def test_deleting_one_that_is_being_answered_takes_it_from_its_worker(
    researcher: User, django_capture_on_commit_callbacks: Any
) -> None:
    question = taken(services.begin(researcher, config(), uuid.uuid4()))
    with django_capture_on_commit_callbacks(execute=True):
        assert not services.delete_from(question)
    assert job_states.heartbeat(question, 0, 1) is None
    assert not question.folder.exists()


def test_different_responses_become_an_item_for_labelers(researcher: User) -> None:
    project = LabelProject.objects.create(slug="taste", name="Taste", mode=Mode.RANKING, created_by=researcher)
    question = answered(researcher, "It is 7.", "It is 8.", "It is 7.")
    services.send_to_labelers(question, project)
    item = LabelItem.objects.get()
    assert (item.prompt, item.reference) == ("What is 3 plus 4?", "7")
    found = item.responses.order_by("index").values_list("text", "source", "correct")
    assert list(found) == [("It is 7.", "Trained", True), ("It is 8.", "Trained", False)]
    alone = answered(researcher, "It is 7.")
    with pytest.raises(UserError, match="2 to 9 are wanted"):
        services.send_to_labelers(alone, project)
    steps = LabelProject.objects.create(slug="steps", name="Steps", mode=Mode.TREE_STEP, created_by=researcher)
    with pytest.raises(UserError, match="steps of a search tree"):
        services.send_to_labelers(question, steps)


def test_a_response_that_is_empty_is_nothing_to_go_on_from(researcher: User) -> None:
    question = answered(researcher, "It is 7.")
    Question.objects.filter(pk=question.pk).update(answers=[[response("  ")]])
    with pytest.raises(UserError, match="delete it"):
        services.go_on(question.chat, researcher, "And?", "", ChatSampling(), uuid.uuid4())
