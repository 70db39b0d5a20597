"""Conversations: asked once, gone on with from a response, stopped, deleted, sent to labelers."""

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
from webapp.core.errors import UserError
from webapp.labeling.choices import Mode
from webapp.labeling.models import LabelItem, LabelProject
from webapp.playground import services
from webapp.playground.answers import ANSWERS_FILE, answers_of
from webapp.playground.models import Chat, Question, State

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


def test_what_is_being_written_can_be_read_line_by_line(researcher: User) -> None:
    question = services.begin(researcher, config(samples=2), uuid.uuid4())
    assert services.claim(question.pk) == question
    assert services.claim(question.pk) is None
    question.refresh_from_db()
    assert answers_of(question) == [[{}, {}]]
    question.folder.mkdir(parents=True)
    grown = {"model": 0, "sample": 1, "text": "<ans", "length": 2}
    (question.folder / ANSWERS_FILE).write_text(json.dumps(grown) + "\n" + '{"model": 0, "sam')
    assert answers_of(question) == [[{}, grown]]
    services.end(question, State.STOPPED)
    question.refresh_from_db()
    assert (question.state, question.answers) == (State.STOPPED, [[{}, grown]])
    assert not question.folder.exists()


def test_a_conversation_goes_on_from_the_response_that_was_chosen(researcher: User) -> None:
    question = answered(researcher, "It is 7.", "It is 8.")
    services.choose(question, 0, 1)
    later = services.go_on(question.chat, "Sure?", "7", ChatSampling(samples=1), uuid.uuid4())
    turns = [(turn.role, turn.text) for turn in ChatConfig.model_validate(later.config).turns]
    assert turns == [("user", "What is 3 plus 4?"), ("assistant", "It is 8."), ("user", "Sure?")]
    assert later.number == 2
    with pytest.raises(UserError, match="gone on already"):
        services.choose(question, 0, 0)
    with pytest.raises(UserError, match="not answered yet"):
        services.go_on(question.chat, "And?", "", ChatSampling(), uuid.uuid4())
    with pytest.raises(UserError, match="no such response"):
        services.choose(question, 1, 0)
    assert services.delete_from(later)
    assert not services.delete_from(question)
    assert not Chat.objects.exists()


def test_a_question_nobody_has_taken_stops_at_once_and_another_leaves_word(researcher: User) -> None:
    waiting = services.begin(researcher, config(), uuid.uuid4())
    services.stop(waiting)
    waiting.refresh_from_db()
    assert waiting.state == State.STOPPED
    assert services.claim(waiting.pk) is None
    taken = services.begin(researcher, config(), uuid.uuid4())
    services.claim(taken.pk)
    services.stop(taken)
    assert (taken.folder / services.STOP_FILE).exists()


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
        services.go_on(question.chat, "And?", "", ChatSampling(), uuid.uuid4())
