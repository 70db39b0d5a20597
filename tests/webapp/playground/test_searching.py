"""A typed question opened as a search at test time: one set, one evaluation, and the way to its tree."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from django.test import Client

from tests.webapp.playground.made import answered
from training.config import EvaluateMethod, RunConfig
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.datasets.models import ProblemSet
from webapp.inspection.models import Prompt
from webapp.playground.models import Question, QuestionSearch
from webapp.playground.searching import search_question
from webapp.runs.models import Run
from webapp.runs.status import RunStatus
from webapp.search.models import SearchTree

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sent(settings: Any, tmp_path: Path) -> Iterator[MagicMock]:
    settings.PLAYGROUND_DIR, settings.PROBLEM_SETS_DIR = tmp_path / "playground", tmp_path / "sets"
    with patch("workers.queue._send") as sent:
        yield sent


def test_the_same_question_is_one_set_and_one_search(researcher: User) -> None:
    question = answered(researcher, "It is 7.", models=2)
    first = search_question(question, 1, "7", "lazy", researcher)
    assert search_question(question, 1, "7", "lazy", researcher) == first
    config = RunConfig.model_validate(first.run.config)
    assert isinstance(config.method, EvaluateMethod)
    assert (config.method.max_tokens, config.method.search and config.method.search.max_depth) == (256, 8)
    made = ProblemSet.objects.get()
    assert (made.source, made.heldout_count, made.train_count) == ("Asked in the playground", 1, 0)
    problem = made.problems.get()
    assert (problem.prompt, problem.answer) == ("What is 3 plus 4?", "7")
    again = answered(researcher, "It is 7.")  # another conversation
    assert search_question(again, 0, "7", "lazy", researcher) != first
    assert ProblemSet.objects.count() == 1
    search_question(question, 1, "8", "lazy", researcher)
    assert (ProblemSet.objects.count(), Run.objects.count()) == (2, 3)


def test_a_length_without_divisors_is_rounded_up_to_whole_steps(researcher: User) -> None:
    question = answered(researcher, "It is 7.")
    question.config["sampling"] |= {"max_tokens": 97, "temperature": 0.0}
    made = search_question(question, 0, "7", "full", researcher).run.config["method"]
    assert (made["max_tokens"], made["search"]["max_depth"], made["temperature"]) == (104, 8, 1.0)


def test_what_cannot_be_searched_is_refused_in_words(researcher: User, researcher_client: Client) -> None:
    question = answered(researcher, "It is 7.")
    with pytest.raises(UserError, match="no such model"):
        search_question(question, 1, "7", "lazy", researcher)
    question.config["models"][0]["source"] = {"kind": "checkpoint", "run": 4_000, "step": 1}
    with pytest.raises(UserError, match="4000"):
        search_question(question, 0, "7", "lazy", researcher)
    answer = researcher_client.post(
        f"/playground/questions/{question.pk}/search/", {"model": 0, "answer": " ", "search": "lazy"}
    )
    assert answer.status_code == 422
    assert "Right answer: This field is required." in answer.content.decode()
    question.number = 2
    with pytest.raises(UserError, match="by itself"):
        search_question(question, 0, "7", "lazy", researcher)
    assert not QuestionSearch.objects.exists()
    assert not Run.objects.exists()


def test_its_address_leads_to_where_it_is_seen_best(researcher_client: Client, researcher: User) -> None:
    question = answered(researcher, "It is 7.")
    asked = {"model": 0, "answer": "<b>7</b>", "search": "lazy"}
    address = researcher_client.post(f"/playground/questions/{question.pk}/search/", asked)["Location"]
    run = Run.objects.get()
    assert researcher_client.get(address)["Location"] == f"/runs/{run.pk}/#live-trees"
    assert 'id="live-trees"' in researcher_client.get(f"/runs/{run.pk}/").content.decode()
    page = researcher_client.get(f"/playground/{question.chat_id}/").content.decode()
    assert f'href="{address}">Searched for &lt;b&gt;7&lt;/b&gt;</a>' in page
    Run.objects.update(status=RunStatus.FAILED)
    assert researcher_client.get(address)["Location"] == f"/evals/{run.evaluation.pk}/"
    prompt = Prompt.objects.create(run=run, problem_id="asked-1", text="What is 3 plus 4?")
    figures = dict.fromkeys(("nodes", "ends", "right_ends", "expansions", "depth", "tokens", "mean_reward"), 1)
    tree = SearchTree.objects.create(
        run=run, prompt=prompt, step=1, split="heldout", index=0, solved=True, uniform=False, **figures
    )
    assert researcher_client.get(address)["Location"] == f"/trees/{tree.pk}/"


def test_a_conversation_asks_the_database_as_often_with_many_questions_as_with_one(
    researcher_client: Client, researcher: User, django_assert_max_num_queries: Any
) -> None:
    question = answered(researcher, "It is 7.")
    search_question(question, 0, "7", "lazy", researcher)
    with django_assert_max_num_queries(12) as few:
        researcher_client.get(f"/playground/{question.chat_id}/")
    for number in range(2, 6):
        Question.objects.create(
            chat=question.chat, number=number, start_id=f"{number:032x}", config=question.config, state="succeeded"
        )
    with django_assert_max_num_queries(len(few)):
        researcher_client.get(f"/playground/{question.chat_id}/")
