"""Endpoints asked over real HTTP: what is sent, what each fault leads to, and that nothing is lost or leaked."""

import logging
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest

from tests.training.teaching.server import Said, Script, Server, in_turn, prompt_of, serving
from training.config.teach import EndpointTeacher
from training.errors import InputError
from training.teaching import endpoint
from training.teaching.endpoint import Endpoint
from training.teaching.lines import Reply

KEY = "sk-very-secret"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setenv("SOME_API_KEY", KEY)


def asked(server: Server, *prompts: str, **knobs: Any) -> list[Reply]:
    """The replies, in the order of the prompts."""
    config = EndpointTeacher(**{"base_url": server.url, "model": "wise", "timeout_s": 5} | knobs)
    replies = dict(Endpoint(config).ask(prompts, 64, 0.5, 1.0))
    return [replies[place] for place in range(len(prompts))]


def refused(script: Script, count: int = 1, **knobs: Any) -> tuple[str, Server]:
    """The error of an endpoint that cannot be asked further."""
    with serving(script) as server, pytest.raises(InputError) as error:
        asked(server, *["?"] * count, **knobs)
    return str(error.value), server


def test_what_is_sent_and_read() -> None:
    with serving(lambda body: Said(prompt_of(body) + "!")) as server:
        replies = asked(server, "one", "two", "three", system="Be brief.", api_key_variable="SOME_API_KEY", at_once=2)
    assert replies == [Reply(f"{word}!", True, 100, 20) for word in ("one", "two", "three")]
    assert sorted(map(prompt_of, server.asked)) == ["one", "three", "two"]
    assert server.asked[0] == {
        "model": "wise",
        "messages": [{"role": "system", "content": "Be brief."}, server.asked[0]["messages"][1]],
        "max_tokens": 64,
        "temperature": 0.5,
    }
    assert set(server.keys) == {f"Bearer {KEY}"}
    assert set(server.paths) == {"/v1/chat/completions"}


def test_requests_go_out_together_and_no_more_than_allowed() -> None:
    with serving(lambda _: Said("x", wait_s=0.1)) as server:
        asked(server, *"abcdef", at_once=3)
    assert server.most_at_once == 3


def test_other_shapes_that_servers_have() -> None:
    thought = {"reasoning_content": "hmm"}
    parts = [{"type": "text", "text": "4"}, {"type": "text", "text": "2"}]
    script = in_turn(
        Said("cut", finish="length"),
        Said("free", usage=False),
        Said(message={"content": parts}),
        Said("so 42", message=thought),
        Said(message={"content": None, "refusal": "I may not"}),
        Said(raw=b'{"choices": [{"message": {"content": "a\\u0000\\ud800b"}}]}'),
    )
    with serving(script) as server:
        replies = asked(server, *"abcdef", at_once=1, reasoning="keep", length_field="max_completion_tokens")
    assert [each.text for each in replies] == ["cut", "free", "42", "<think>hmm</think>so 42", "", "a\ufffd?b"]
    assert [each.ended for each in replies] == [False, True, True, True, True, True]
    assert (replies[1].tokens_in, replies[1].tokens_out) == (None, None)
    assert replies[4].failed == "the model refused: I may not"
    assert server.asked[0]["max_completion_tokens"] == 64
    assert "system" not in server.asked[0]


@pytest.mark.parametrize(
    "fault",
    [Said(status=500), Said(raw=b"<html>"), Said(raw=b'{"choices": []}'), Said(drop=True), Said(status=503, raw=b"")],
    ids=["500", "html", "shape", "drop", "503"],
)
def test_a_passing_fault_is_asked_again(fault: Said) -> None:
    with serving(in_turn(fault, fault, Said("there"))) as server:
        assert asked(server, "?") == [Reply("there", True, 100, 20)]
    assert len(server.asked) == 3


def test_too_many_requests_hold_all_back_as_long_as_the_server_asks() -> None:
    with serving(in_turn(Said(status=429, headers={"Retry-After": "0.4"}), Said("now"))) as server:
        begin = time.monotonic()
        assert [each.text for each in asked(server, "a", "b", at_once=1)] == ["now", "now"]
        assert 0.4 <= time.monotonic() - begin < 3
    with serving(in_turn(Said(status=429, headers={"Retry-After": formatdate(time.time() - 9)}), Said("x"))) as server:
        assert asked(server, "a")[0].text == "x"  # a date that is past


def test_an_endpoint_that_stays_too_busy_stops_everything() -> None:
    words, server = refused(lambda _: Said(status=429, raw=b'{"error": {"message": "quota used up"}}'), retries=1)
    assert words.startswith(server.url)
    assert "asked too often (HTTP 429: quota used up) (2 tries)" in words


def test_hanging_and_dripping_answers_have_failed_for_their_prompt_alone() -> None:
    def script(body: dict[str, Any]) -> Said:
        word = prompt_of(body)
        return Said("quick", wait_s=0.6 if word == "slow" else 0, drip_s=0.05 if word == "drip" else 0)

    with serving(script) as server:
        slow, quick, drip = asked(server, "slow", "quick", "drip", timeout_s=0.3, retries=1)
    assert (slow.failed, quick.text, drip.failed) == ("no answer within 0.3 s (2 tries)", "quick", slow.failed)


def test_a_request_that_is_refused_has_failed_and_the_others_go_on() -> None:
    def script(body: dict[str, Any]) -> Said:
        return Said(status=400, raw=b'{"error": {"message": "too long"}}') if prompt_of(body) == "a" else Said("fine")

    with serving(script) as server:
        first, second = asked(server, "a", "b")
    assert first.failed == "it refused this request (HTTP 400: too long)"
    assert second.text == "fine"
    assert len(server.asked) == 2  # what was refused is not asked again


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Said(status=401, raw=b'{"error": {"message": "Incorrect key: sk-very-secret"}}'), "the key in SOME_API_KEY"),
        (Said(status=404), "knows no such address, or no model wise"),
        (Said(status=307, headers={"Location": "https://other/v1"}), "sends on to https://other/v1"),
        (Said(status=402), "wants to be paid"),
    ],
    ids=["401", "404", "307", "402"],
)
def test_what_the_user_must_put_right_stops_everything_at_once(said: Said, words: str) -> None:
    told, server = refused(lambda _: said, count=20, api_key_variable="SOME_API_KEY", at_once=2)
    assert words in told
    assert KEY not in told
    assert len(server.asked) <= 4


def test_answers_under_way_are_handed_on_before_it_stops() -> None:
    def script(body: dict[str, Any]) -> Said:
        return Said(status=401) if prompt_of(body) == "bad" else Said("late", wait_s=0.3)

    config_of = {"model": "wise", "at_once": 2}
    with serving(script) as server:
        answers = Endpoint(EndpointTeacher(base_url=server.url, **config_of)).ask(["good", "bad", "never"], 8, 1, 1)
        assert next(answers)[1].text == "late"
        with pytest.raises(InputError, match="requests without a key"):
            next(answers)
    assert len(server.asked) == 2


def test_an_endpoint_that_fails_again_and_again_is_asked_no_further() -> None:
    words, server = refused(lambda _: Said(raw=b"garbage"), count=50, at_once=2, retries=0)
    assert "10 answers in a row failed; of the last: its answer has not the shape of OpenAI's" in words
    assert "begins 'garbage'" in words
    assert len(server.asked) < 15


def test_nobody_at_the_address() -> None:
    with serving(lambda _: Said()) as server:
        url = server.url
    with pytest.raises(InputError, match="cannot be reached"):
        list(Endpoint(EndpointTeacher(base_url=url, model="x", retries=1)).ask(["?"], 8, 1.0, 1.0))


def test_a_key_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_API_KEY")
    with pytest.raises(InputError, match="SOME_API_KEY is not set"):
        Endpoint(EndpointTeacher(base_url="http://x/v1", model="x", api_key_variable="SOME_API_KEY"))


@pytest.fixture
def _all_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield


@pytest.mark.usefixtures("_all_logged")
def test_the_key_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    echo = Said(status=500, raw=f"bad key {KEY}".encode())
    with serving(in_turn(echo, Said("x"))) as server:
        asked(server, "?", api_key_variable="SOME_API_KEY")
    assert "asked again" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("url", ["ftp://x/v1", "http://user:pass@x/v1", "http://x/v1?key=1", "x"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        EndpointTeacher(base_url=url, model="x")


@pytest.mark.parametrize("name", ["DATABASE_URL", "SECRET_KEY", "HOME", "sk-abc_API_KEY"])
def test_only_variables_that_hold_keys_can_be_named(name: str) -> None:
    with pytest.raises(ValueError, match="api_key_variable"):
        EndpointTeacher(base_url="http://x/v1", model="x", api_key_variable=name)
