"""What both executors promise, the one on this machine and the one over workers; and what only the second can."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait
from dataclasses import asdict

import pytest

from tests.chromium import in_thread
from tests.workers.sandbox.fleet import Fleet
from tests.workers.stack import until
from training.sandbox.client import LocalSandbox
from training.sandbox.types import Call, Executor, Limits
from webapp.sandbox.models import ConsoleCall, SandboxSample, SandboxWorker
from workers.sandbox.app import app
from workers.sandbox.mailbox import Batch, Mailbox
from workers.sandbox.remote import RemoteSandbox

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120), pytest.mark.django_db]

SLEEP = "import time; time.sleep({})"


@pytest.fixture(scope="module", params=["local", "remote"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    if request.param == "local":
        with LocalSandbox(zygotes=1, slots=4) as local:
            yield local
        return
    with RemoteSandbox(request.getfixturevalue("fleet").url) as remote:
        yield remote


def test_a_program_gives_its_output_and_its_value(executor: Executor) -> None:
    result = executor.submit(Call("a", "print(input()[::-1], '\\0')\n6 * 7", "Ünï\U0001f33f")).result()
    assert (result.id, result.status, result.exit_code) == ("a", "ok", 0)
    assert (result.stdout, result.stderr, result.value) == ("\U0001f33fïnÜ \0\n", "", "42")
    assert result.tier
    assert result.wall_s > 0


def test_an_error_has_its_line(executor: Executor) -> None:
    result = executor.submit(Call("a", "x = 0\n1 / x  # no")).result()
    assert result.status == "error"
    assert result.error is not None
    assert (result.error.kind, result.error.line, result.error.text) == ("ZeroDivisionError", 2, "1 / x  # no")


def test_limits_hold(executor: Executor) -> None:
    limits = Limits(wall_s=0.4, output_bytes=1000)
    endless, loud = (
        executor.submit(Call("a", SLEEP.format(60), limits=limits)),
        executor.submit(Call("b", "while True: print('x' * 100)", limits=limits)),
    )
    assert endless.result().status == "timeout"
    assert (loud.result().status, loud.result().truncated) == ("output_limit", True)


def test_a_slow_call_holds_nobody_back(executor: Executor) -> None:
    calls = [Call("slow", SLEEP.format(4)), *(Call(f"{n}", f"print({n})") for n in range(12))]
    results = list(executor.run(calls))
    assert results[-1].id == "slow"
    assert {result.id: result.stdout for result in results[:-1]} == {f"{n}": f"{n}\n" for n in range(12)}


def test_an_id_is_given_once_at_a_time(executor: Executor) -> None:
    first = executor.submit(Call("a", SLEEP.format(0.3)))
    with pytest.raises(ValueError, match="under way"):
        executor.submit(Call("a", "print(1)"))
    assert first.result().status == "ok"
    assert executor.submit(Call("a", "print(2)")).result().stdout == "2\n"


def test_what_waits_too_long_never_runs(executor: Executor) -> None:
    limits = Limits(queue_s=0.5)
    results = list(executor.run(Call(str(n), SLEEP.format(1.0), limits=limits) for n in range(24)))
    late = [result for result in results if result.status == "queue_timeout"]
    assert len(results) == 24
    assert {result.status for result in results} == {"ok", "queue_timeout"}
    assert all(result.is_infrastructure and result.queue_s >= 0 and result.detail for result in late)


def test_it_says_how_it_is(executor: Executor) -> None:
    list(executor.run(Call(str(n), "print(1)") for n in range(3)))
    until(lambda: executor.status().outcomes.get("ok", 0) >= 3, 20, lambda: str(executor.status()))
    status = executor.status()
    assert status.slots in {4, 8}
    assert status.tier
    assert status.python


@pytest.fixture
def remote(fleet: Fleet) -> Iterator[RemoteSandbox]:
    with RemoteSandbox(fleet.url, in_flight=64) as remote:
        yield remote


def test_workers_tell_the_database_how_they_are_and_what_they_did(remote: RemoteSandbox) -> None:
    both = {"one@test", "two@test"}
    ready = lambda: {worker.name for worker in SandboxWorker.objects.all() if worker.is_ready}  # noqa: E731
    until(lambda: ready() == both, 20, lambda: str(SandboxWorker.objects.values()))
    list(remote.run(Call(str(n), "1 / 0") for n in range(20)))

    def errors() -> int:
        return sum(sample.outcomes.get("error", 0) for sample in SandboxSample.objects.all())

    until(lambda: errors() >= 20, 20, lambda: str(SandboxSample.objects.values()))
    for sample in SandboxSample.objects.all():
        assert sum(sample.total.values()) == sum(sample.outcomes.values())


def test_the_console_runs_a_row_once(fleet: Fleet) -> None:
    row = ConsoleCall(program="print('a\\0b')\n'\\udc80'", limits=asdict(Limits()))
    in_thread(row.save)  # over a connection of its own: the worker does not see what this test has not committed
    with RemoteSandbox(fleet.url) as remote:
        for _ in range(2):
            _send(remote, "workers.sandbox.run_console_call", row.pk)
    until(
        lambda: ConsoleCall.objects.get(pk=row.pk).result, 20, lambda: fleet.said("one@test") + fleet.said("two@test")
    )
    row.refresh_from_db()
    assert row.result is not None
    assert (row.result.status, row.result.stdout) == ("ok", "a\ufffdb\n")
    assert row.worker in {"one@test", "two@test"}


def test_a_batch_that_is_delivered_twice_is_answered_once(fleet: Fleet, remote: RemoteSandbox) -> None:
    mailbox = Mailbox(fleet.url)
    batch = Batch("twice", "me", mailbox.now(), [Call("1", "print(1)"), Call("2", "print(2)")])
    _send(remote, "workers.sandbox.run_calls", batch.as_dict())
    answers = _results(mailbox, "me", 2)
    _send(remote, "workers.sandbox.run_calls", batch.as_dict())
    until(lambda: mailbox.fetch("me", 1), 20, lambda: fleet.said("one@test"))  # taken again
    assert not mailbox.fetch("me", 1)
    assert sorted(answer["result"]["stdout"] for answer in answers) == ["1\n", "2\n"]
    mailbox.close()


def test_a_killed_worker_loses_nothing(fleet: Fleet, remote: RemoteSandbox) -> None:
    futures = [remote.submit(Call(str(n), f"{SLEEP.format(0.4)}; print({n})")) for n in range(40)]
    answered: list[str] = []
    for future in futures:
        future.add_done_callback(lambda done: answered.append(done.result().id))
    until(lambda: len(answered) >= 4, 30, lambda: fleet.said("one@test"))
    fleet.kill("one@test")
    open_at_kill = sum(not future.done() for future in futures)
    wait(futures, 60)
    assert open_at_kill > 8
    assert [future.result().stdout for future in futures] == [f"{n}\n" for n in range(40)]
    assert sorted(answered, key=int) == [str(n) for n in range(40)]


def test_without_a_worker_calls_end_as_having_waited_too_long(fleet: Fleet) -> None:
    with RemoteSandbox(fleet.idle_url) as remote:
        began = time.monotonic()
        result = remote.submit(Call("1", "print(1)", limits=Limits(queue_s=0.6))).result(20)
        assert time.monotonic() - began < 5
        assert result.status == "queue_timeout"
        assert "no worker took it" in result.detail


def test_only_so_many_calls_are_on_their_way(fleet: Fleet) -> None:
    with RemoteSandbox(fleet.idle_url, in_flight=5, batch=2) as remote, Watched(fleet.idle_url) as watched:
        for n in range(40):
            remote.submit(Call(str(n), "print(1)"))
        until(lambda: watched.calls() == 5, 10, lambda: str(watched.calls()))
        time.sleep(0.6)
        assert watched.calls() == 5


def test_nothing_is_sent_while_the_oldest_waits_too_long(fleet: Fleet) -> None:
    with RemoteSandbox(fleet.idle_url, oldest_s=0.3) as remote, Watched(fleet.idle_url) as watched:
        remote.submit(Call("1", "print(1)"))
        until(lambda: watched.calls() == 1, 10, lambda: str(watched.calls()))
        time.sleep(0.6)  # the queue is looked at four times a second
        held = remote.submit(Call("2", "print(1)", limits=Limits(queue_s=0.5)))
        assert held.result(20).status == "queue_timeout"
        assert watched.calls() == 1


def test_closing_gives_up_what_is_under_way(fleet: Fleet) -> None:
    before = threading.active_count()
    remote = RemoteSandbox(fleet.idle_url)
    left = remote.submit(Call("1", "print(1)"))
    remote.close()
    assert left.result(1).status == "sandbox_died"
    assert remote.submit(Call("2", "print(1)")).result(1).detail == "the sandbox is closed"
    assert threading.active_count() == before


class Watched:
    """What waits in a broker, from an empty queue on."""

    def __init__(self, url: str) -> None:
        self._mailbox = Mailbox(url)
        self._mailbox._redis.flushdb()

    def calls(self) -> int:
        return self._mailbox.waiting().calls

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *_: object) -> None:
        self._mailbox.close()


def _send(remote: RemoteSandbox, task: str, argument: object) -> None:
    """As another client does."""
    app.send_task(task, [argument], queue="sandbox", producer=remote._producer)


def _results(mailbox: Mailbox, client: str, count: int) -> list[dict[str, dict[str, str]]]:
    found: list[dict[str, dict[str, str]]] = []
    while len(found) < count:
        found += [answer for answer in mailbox.fetch(client, 10) if "result" in answer]
    return found
