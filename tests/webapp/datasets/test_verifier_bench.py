"""The verifier bench: the verdict of training, with what was found marked in the response."""

import time

import pytest
from django.test import Client

from tests.webapp.datasets.conftest import Make
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.datasets import verifier

pytestmark = pytest.mark.django_db


def bench(client: Client, response: str, answer: str) -> str:
    return client.post("/datasets/verifier/", {"response": response, "answer": answer}).content.decode()


def test_it_marks_what_was_extracted_and_says_why_it_is_right(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    page = bench(client, "so 3 + 4 = \\boxed{7}.", "7.0")
    assert "✓ correct" in page
    assert "\\boxed{<mark>7</mark>}." in page
    assert "Extracted 7 from \\boxed{}; equal to reference 7.0 as integers." in page


def test_it_judges_expressions_by_algebra(researcher_client: Client) -> None:
    assert "✓ correct" in bench(researcher_client, "<answer>\\frac{14}{2}</answer>", "7")


@pytest.mark.parametrize(
    ("response", "answer", "badge", "why"),
    [
        ("#### 8", "7", "✗ wrong", "not equal to reference 7"),
        ("it is 7", "7", "✗ wrong", "marks no answer"),
        ("\\boxed{7}", "", "? undecided", "the reference answer is empty"),
        ("\\boxed{x}", "\\frac{1}{", "? undecided", "cannot be read as mathematics"),
    ],
)
def test_it_says_why_a_response_is_not_paid(
    researcher_client: Client, response: str, answer: str, badge: str, why: str
) -> None:
    page = bench(researcher_client, response, answer)
    assert badge in page
    assert why in page


def test_it_shows_a_hostile_response_as_text(researcher_client: Client) -> None:
    page = bench(researcher_client, "<script>alert(1)</script> <answer><img src=x></answer>", "7")
    assert "<script>alert" not in page
    assert "<img src=x>" not in page
    assert "<mark>&lt;img src=x&gt;</mark>" in page


def test_a_short_case_has_an_address_that_shows_it_again(researcher_client: Client) -> None:
    address = "/datasets/verifier/?response=%5Cboxed%7B7%7D&answer=7"
    assert f'href="{address.replace("&", "&amp;")}"' in bench(researcher_client, "\\boxed{7}", "7")
    assert "✓ correct" in researcher_client.get(address).content.decode()
    assert "address of this case" not in bench(researcher_client, "x" * 5000 + "\\boxed{7}", "7")


def test_a_problem_fills_in_its_prompt_and_answer(researcher_client: Client, make_set: Make) -> None:
    make_set()
    page = researcher_client.get("/datasets/verifier/?problem=plums/2").content.decode()
    assert "2 plums and 2 more?" in page
    assert 'value="4"' in page
    for nonsense in ("plums/9", "plums", "/", "plums/x", "plums/99999999999999"):
        assert researcher_client.get("/datasets/verifier/", {"problem": nonsense}).status_code == 200


def test_it_answers_htmx_with_the_verdict_alone(researcher_client: Client) -> None:
    part = researcher_client.post(
        "/datasets/verifier/", {"response": "#### 7", "answer": "7"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "✓ correct" in part
    assert "<textarea" not in part


@pytest.mark.parametrize("response", ["", "x" * 100_001, "nul\x00"])
def test_it_refuses_what_is_no_response(researcher_client: Client, response: str) -> None:
    answer = researcher_client.post("/datasets/verifier/", {"response": response, "answer": "7"})
    assert answer.status_code == 422


def test_it_gives_up_on_an_answer_that_takes_too_long(researcher_client: Client) -> None:
    started = time.monotonic()
    page = bench(researcher_client, "\\boxed{9^{9^{9^{9}}}}", "5")
    assert "the comparison took longer than 3 s" in page
    assert time.monotonic() - started < 20


def test_it_stops_the_process_at_the_hard_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier, "HARD_LIMIT_SECONDS", 0.01)
    with pytest.raises(UserError, match=r"No verdict within 0\.01 s"):
        verifier.verify("\\boxed{7}", "7")


def test_it_lets_only_two_be_verified_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier, "COMPARISON_SECONDS", 0.01)
    assert verifier._places.acquire()
    assert verifier._places.acquire()
    try:
        with pytest.raises(UserError, match="Two other answers are being verified"):
            verifier.verify("\\boxed{7}", "7")
    finally:
        verifier._places.release(2)
    monkeypatch.setattr(verifier, "COMPARISON_SECONDS", 3.0)
    assert verifier.verify("\\boxed{7}", "7").correct is True
