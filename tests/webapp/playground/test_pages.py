"""Pages of the playground, read and filled in."""

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from django.test import Client
from django.utils import timezone

from tests.webapp.playground.made import answered
from webapp.accounts.models import User
from webapp.machines.models import Worker
from webapp.playground.models import Chat, Question
from webapp.runs.models import Checkpoint, Run
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sent(settings: Any, tmp_path: Path) -> Iterator[MagicMock]:
    settings.PLAYGROUND_DIR = tmp_path
    with patch("workers.queue._send") as sent:
        yield sent


def form(**changes: Any) -> dict[str, Any]:
    knobs = {"samples": 2, "temperature": 1.0, "top_p": 1.0, "max_tokens": 64, "seed": 0}
    return {"model": "builtin", "text": "What is 3 plus 4?", "answer": "7", "start_id": uuid.uuid4()} | knobs | changes


def test_a_checkpoint_is_asked_beside_the_model_its_run_started_from(
    researcher_client: Client, django_capture_on_commit_callbacks: Any, sent: MagicMock
) -> None:
    config = {
        "model": {"kind": "local", "path": "/models/base"},
        "prompt": {"system": "Think."},
        "method": {"kind": "grpo"},
    }
    run = Run.objects.create(name="mine", config=config, method="grpo", status=RunStatus.SUCCEEDED)
    Checkpoint.objects.create(run=run, step=20, size=1, path="checkpoints/step_000020", saved_at=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        answer = researcher_client.post("/playground/", form(model=f"{run.pk}:20", beside="on"))
    chat = Chat.objects.get()
    assert answer["Location"] == f"/playground/{chat.pk}/"
    own, base = chat.asked
    assert own["source"] == {"kind": "checkpoint", "run": run.pk, "step": 20}
    assert (base["source"], base["name"]) == (config["model"], "/models/base (its base)")
    assert own["prompt"]["system"] == base["prompt"]["system"] == "Think."
    assert sent.call_args.args[:3] == ("workers.playground.chat", "preflight", Question.objects.get().pk)
    Question.objects.update(state="succeeded")
    page = researcher_client.get(f"/playground/{chat.pk}/").content.decode()
    assert f"run={run.pk}&amp;checkpoint=20&amp;search=lazy" in page
    assert (
        '<option value="lazy" selected>'
        in researcher_client.get(f"/evals/new/?run={run.pk}&search=lazy").content.decode()
    )
    page = researcher_client.get(f"/playground/?model={run.pk}:20").content.decode()
    assert f'<option value="{run.pk}:20" selected>' in page


def test_what_is_wrong_is_named_and_nothing_is_asked(researcher_client: Client) -> None:
    for changes, words in (
        ({"text": ""}, "This field is required"),
        ({"samples": 9}, "less than or equal to 8"),
        ({"temperature": 0}, "one response"),
        ({"path": "no such name!"}, "String should match pattern"),
    ):
        answer = researcher_client.post("/playground/", form(**changes))
        assert answer.status_code == 422
        assert words in answer.content.decode()
    assert not Chat.objects.exists()


def test_a_question_shows_its_responses_and_stops_asking_once_it_is_answered(
    researcher_client: Client, researcher: User
) -> None:
    question = answered(researcher, "It is <b>7</b>.", "It is 8.", models=2)
    page = researcher_client.get(f"/playground/{question.chat_id}/").content.decode()
    assert "It is &lt;b&gt;7&lt;/b&gt;." in page
    assert page.count("1 of 2 right") == 2
    assert 'hx-trigger="every' not in page
    address = f"/playground/questions/{question.pk}/"
    assert researcher_client.get(address)["Location"] == f"/playground/{question.chat_id}/#question-1"


def test_a_question_says_where_it_stands_and_is_left_alone_while_nothing_changes(
    researcher_client: Client, researcher: User
) -> None:
    question = answered(researcher, "It is 7.")
    now = timezone.now()
    address = f"/playground/questions/{question.pk}/"

    def shown(**fields: Any) -> str:
        """What the page that watches it gets when these have changed; a moment later it gets nothing."""
        nonlocal address
        Question.objects.filter(pk=question.pk).update(answers=[], **fields)
        part = researcher_client.get(address, headers={"HX-Request": "true"}).content.decode()
        if (seen := re.search(r'hx-get="([^"]+seen=\w+)"', part)) is not None:
            address = seen[1]
            assert researcher_client.get(address, headers={"HX-Request": "true"}).status_code == 204
        return part

    assert "none is registered" in shown(state="queued")
    told = {"host": "a", "process": "a:1:1:1", "state": "ready", "started_at": now, "heartbeat_at": now}
    Worker.objects.create(name="preflight@a", queues=["cpu", "preflight"], **told)
    assert "It waits for a worker." in shown()
    assert "is gone; another one answers it anew" in shown(losses=1)
    assert "The model is being loaded." in shown(state="running", heartbeat_at=now)
    assert "Nothing was heard of its worker" in shown(heartbeat_at=now - timedelta(hours=1))
    part = shown(stop_requested=True)
    assert "disabled>Stopping…" in part
    assert "announcer" not in part
    part = shown(state="failed", error="<i>too large</i>")
    assert "&lt;i&gt;too large&lt;/i&gt;" in part
    assert "Ask again" in part
    assert "hx-get" not in part
    assert part.count("Not a word was written.") == 1
    assert " right</p>" not in part, "nothing was judged"
    assert '<div id="announcer" hx-swap-oob="innerHTML">Question 1: Failed.</div>' in part
    page = researcher_client.get(f"/playground/{question.chat_id}/").content.decode()
    assert page.count('id="announcer"') == 1, "of the frame: nothing has changed on a page that was just opened"


def test_it_stops_at_any_time_and_is_asked_again(
    researcher_client: Client, researcher: User, sent: MagicMock, django_capture_on_commit_callbacks: Any
) -> None:
    question = answered(researcher, "It is 7.")
    address = f"/playground/questions/{question.pk}"
    assert researcher_client.post(f"{address}/stop/").status_code == 409
    Question.objects.filter(pk=question.pk).update(state="running", attempt=1)
    researcher_client.post(f"{address}/stop/")
    question.refresh_from_db()
    assert question.stop_requested
    Question.objects.filter(pk=question.pk).update(state="queued")
    researcher_client.post(f"{address}/stop/")
    question.refresh_from_db()
    assert question.state == "stopped"
    with django_capture_on_commit_callbacks(execute=True):
        researcher_client.post(f"{address}/again/")
    assert sent.call_args.args[:3] == ("workers.playground.chat", "preflight", question.pk)


def test_a_response_is_shown_token_by_token(researcher_client: Client, researcher: User) -> None:
    question = answered(researcher, "<answer>7")
    address = f"/playground/questions/{question.pk}/0/0/"
    page = researcher_client.get(address).content.decode()
    assert page.count("<i>") == 9
    assert "<i>&lt;</i>" in page
    assert researcher_client.get(address + "?format=json").json()["text"] == "<answer>7"
    assert researcher_client.get(f"/playground/questions/{question.pk}/0/5/").status_code == 404


def test_viewers_read_and_do_not_ask(client: Client, viewer: User, researcher: User) -> None:
    question = answered(researcher, "It is 7.")
    client.force_login(viewer)
    page = client.get(f"/playground/{question.chat_id}/").content.decode()
    assert "It is 7." in page
    assert "Ask next" not in page
    assert "Ask</button>" not in client.get("/playground/").content.decode()
    for address in ("/playground/", f"/playground/{question.chat_id}/"):
        assert client.post(address, form()).status_code == 403
