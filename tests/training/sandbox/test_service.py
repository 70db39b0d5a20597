"""The service through what happens to it: many calls, lost processes, owners that go."""

import itertools
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.training.sandbox.situations import TIERS, start
from training.sandbox.client import LocalSandbox
from training.sandbox.proof import descendants
from training.sandbox.tiers import project_folder
from training.sandbox.types import Call, Limits

pytestmark = pytest.mark.processes

_NUMBERS = itertools.count()
_RESULT_S = 60.0
MIXED = (
    ("print({0})", "ok"),
    ("1 / 0", "error"),
    ("import numpy; numpy.arange({0}).sum()", "ok"),
    ("import os; os._exit(5)", "error"),
    ("import sys; sys.stdout.write('x' * 300_000); print({0})", "output_limit"),
    ("import os\ntry:\n    if os.fork() == 0:\n        os.setsid()\n        import time; time.sleep(60)\n"
     "except OSError: pass", "ok"),
    ("import os; os.abort()", "killed"),
)  # fmt: skip


def _call(program: str = "print(1)", **limits: float) -> Call:
    return Call(f"service {next(_NUMBERS)}", program, limits=Limits(**{"wall_s": 30, "cpu_s": 10, **limits}))  # type: ignore[arg-type]


def _until(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _zygotes(sandbox: LocalSandbox) -> list[int]:
    """Processes that lead a fork server; programs lead sessions too, and one killed by itself tells of its own end."""
    leading = [psutil.Process(pid) for pid in descendants(sandbox.pid) if os.getsid(pid) == pid]
    of_servers = {process.pid: {each.pid for each in process.parents()} for process in leading}
    return [pid for pid, parents in of_servers.items() if not parents & of_servers.keys()]


def test_results_come_as_programs_end_and_each_once(sandbox: LocalSandbox) -> None:
    slow = _call("import time; time.sleep(1.5)")
    calls = [slow, *(_call(f"print({number})") for number in range(60))]
    results = list(sandbox.run(calls))
    assert Counter(result.id for result in results) == Counter(call.id for call in calls)
    assert results[-1].id == slow.id or results.index(next(r for r in results if r.id == slow.id)) > 5
    status = sandbox.status()
    assert (status.queued, status.in_flight) == (0, 0)


def test_many_calls_at_once_lose_nothing(sandbox: LocalSandbox) -> None:
    futures = [sandbox.submit(_call(f"print({number})" if number % 10 else "1/0")) for number in range(300)]
    busy = sandbox.status()
    assert busy.in_flight <= busy.slots
    results = [future.result(_RESULT_S) for future in futures]
    assert [result.stdout for result in results] == [f"{n}\n" if n % 10 else "" for n in range(300)]
    assert sandbox.status().queued == 0


def test_an_id_belongs_to_one_call_at_a_time(sandbox: LocalSandbox) -> None:
    call = _call("import time; time.sleep(0.3)")
    future = sandbox.submit(call)
    with pytest.raises(ValueError, match="under way"):
        sandbox.submit(call)
    assert future.result(_RESULT_S).status == "ok"
    assert sandbox.submit(call).result(_RESULT_S).status == "ok"


def test_a_status_says_what_happened(sandbox: LocalSandbox) -> None:
    before = sandbox.status()
    sandbox.submit(_call("1/0")).result(_RESULT_S)
    after = sandbox.status()
    assert after.outcomes["error"] == before.outcomes.get("error", 0) + 1
    assert (after.tier, after.zygotes, after.restarts) == (TIERS[0], 1, 0)
    assert 0 < after.wall.p50 <= after.wall.p95 <= after.wall.p99
    assert after.total.p50 > 0


def test_the_socket_is_its_owners_alone(sandbox: LocalSandbox) -> None:
    (path,) = Path(sandbox._folder.name).iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_service_holds_no_secret_of_its_owner(sandbox: LocalSandbox) -> None:
    for pid in [sandbox.pid, *descendants(sandbox.pid)]:
        try:
            pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:  # it has ended since
            continue
        names = {pair.partition(b"=")[0] for pair in pairs if pair}
        assert names <= {
            b"PYTHONPATH",
            b"PATH",
            b"MALLOC_ARENA_MAX",
            b"OPENBLAS_NUM_THREADS",
            b"OMP_NUM_THREADS",
            b"LANG",
        }


def test_the_service_may_open_as_many_files_as_its_slots_need(sandbox: LocalSandbox) -> None:
    (line,) = [each for each in Path(f"/proc/{sandbox.pid}/limits").read_text().splitlines() if "open files" in each]
    assert line.split()[3] == line.split()[4]


def test_the_service_loads_nothing_heavy() -> None:
    look = (
        "import sys, training.sandbox.__main__\n"
        "heavy = {'django', 'celery', 'torch', 'numpy', 'pydantic', 'psycopg', 'redis'}\n"
        "sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", look], check=True, cwd=project_folder())


def test_a_client_that_talks_nonsense_is_told_so_and_hurts_nobody(sandbox: LocalSandbox) -> None:
    (path,) = Path(sandbox._folder.name).iterdir()
    for line in (
        b"nonsense\n",
        b"[1]\n",
        b'{"run": {}}\n',
        b'{"run": {"id": 1, "program": 2}}\n',
        b"[" * 5000 + b"\n",
        b'{"run": null}\n',
    ):
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(path))
            link.settimeout(10)
            link.sendall(line)
            answer = json.loads(link.makefile("rb").readline())
            assert "error" in answer, (line, answer)
    assert sandbox.submit(_call()).result(_RESULT_S).status == "ok"


def test_calls_of_a_client_that_has_gone_are_dropped(sandbox: LocalSandbox) -> None:
    (path,) = Path(sandbox._folder.name).iterdir()
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(path))
        for number in range(100):
            call = Call(f"gone {number}", "import time; time.sleep(2)")
            link.sendall(json.dumps({"run": call.as_dict()}).encode() + b"\n")
        assert _until(lambda: sandbox.status().queued > 50)
    assert _until(lambda: sandbox.status().queued == 0, 20)  # the calls of one that still listens would take longer


def test_a_call_that_waits_too_long_fails_as_the_services_fault(sandbox: LocalSandbox) -> None:
    slots = sandbox.status().slots
    long = [sandbox.submit(_call("import time; time.sleep(1.5)")) for _ in range(slots)]
    patient = sandbox.submit(_call())
    hasty = sandbox.submit(_call(queue_s=0.3)).result(_RESULT_S)
    assert (hasty.status, hasty.is_infrastructure) == ("queue_timeout", True)
    assert not patient.done()
    assert {each.result(_RESULT_S).status for each in (patient, *long)} == {"ok"}
    assert patient.result().queue_s > 0.5


@pytest.fixture(scope="module")
def fragile() -> Iterator[LocalSandbox]:
    """One whose processes tests may kill."""
    with start(TIERS[0], slots=4) as sandbox:
        yield sandbox


def test_killed_fork_servers_are_replaced_and_their_calls_run_again_but_not_for_ever(fragile: LocalSandbox) -> None:
    before = fragile.status().restarts
    long = fragile.submit(_call("import time; time.sleep(30)"))
    futures = [fragile.submit(_call(f"import time; time.sleep(0.5); print({number})")) for number in range(12)]
    for number in range(3):
        busy = 4 if number == 0 else 1
        assert _until(lambda busy=busy: fragile.status().zygotes == 1 and fragile.status().in_flight >= busy)  # type: ignore[misc]
        lost = descendants(fragile.pid)
        for pid in _zygotes(fragile):
            os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        assert _until(lambda number=number: fragile.status().restarts == before + number + 1)  # type: ignore[misc]
        assert _until(lambda: fragile.status().zygotes == 1)
        assert time.monotonic() - killed < 45  # some 2 s where nothing else runs
        if number == 0:
            assert [future.result(_RESULT_S).stdout for future in futures] == [f"{number}\n" for number in range(12)]
            assert not long.done()
    result = long.result(_RESULT_S)
    assert (result.status, result.is_infrastructure) == ("sandbox_died", True)
    assert fragile.status().failures
    assert fragile.submit(_call()).result(_RESULT_S).status == "ok"
    assert _until(lambda: not any(map(_runs, lost)))


def test_a_killed_service_is_started_again_and_leaves_no_process(fragile: LocalSandbox) -> None:
    futures = [fragile.submit(_call(f"import time; time.sleep(0.2); print({number})")) for number in range(8)]
    assert _until(lambda: fragile.status().in_flight == 4)
    lost = [fragile.pid, *descendants(fragile.pid)]
    os.kill(fragile.pid, signal.SIGKILL)
    assert [future.result(_RESULT_S).stdout for future in futures] == [f"{number}\n" for number in range(8)]
    assert _until(lambda: not any(map(_runs, lost)))


def test_the_service_ends_with_its_owner() -> None:
    owner = (
        "import sys, time\n"
        "from tests.training.sandbox.situations import start\n"
        "from training.sandbox.types import Call\n"
        f"sandbox = start({TIERS[0]!r})\n"
        "sandbox.submit(Call('1', 'import time; time.sleep(60)'))\n"
        "import os\n"
        "child = os.fork()\n"  # it holds open all that its parent does
        "if child: print(sandbox.pid, child, flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", owner], stdout=subprocess.PIPE, cwd=project_folder())
    assert process.stdout is not None
    service, child = map(int, process.stdout.readline().split())
    family = [service, *descendants(service)]
    assert len(family) > 1
    process.kill()
    process.wait()
    process.stdout.close()
    assert _until(lambda: not any(map(_runs, family)), 30)
    os.kill(child, signal.SIGKILL)


def test_two_sandboxes_do_not_meet_and_one_may_close() -> None:
    """Where calls are told apart by their users, each service has its own."""
    with start(TIERS[-2], slots=2) as one, start(TIERS[-2], slots=2) as other:
        slow = [each.submit(_call("import os, time; time.sleep(0.6); print(os.getuid())")) for each in (one, other) * 2]
        for _ in range(10):
            assert {each.submit(_call()).result(_RESULT_S).status for each in (one, other)} == {"ok"}
            if all(future.done() for future in slow):
                break
        results = [future.result(_RESULT_S) for future in slow]
        assert {result.status for result in results} == {"ok"}
        if TIERS[-2] == "ll-root":
            users = [{result.stdout for result in results[first::2]} for first in (0, 1)]
            assert users[0].isdisjoint(users[1])
        folder = Path(one._folder.name)
        one.close()
        one.close()
        assert one.submit(_call()).result(5).status == "sandbox_died"
        assert other.submit(_call()).result(_RESULT_S).status == "ok"
        assert not folder.exists()


def test_a_mixed_load_leaves_nothing_behind(sandbox: LocalSandbox) -> None:
    def load(count: int) -> Counter[str]:
        calls = [_call(MIXED[number % len(MIXED)][0].format(number)) for number in range(count)]
        return Counter(result.status for result in sandbox.run(calls))

    load(2 * len(MIXED))
    before = _traces(sandbox)
    outcomes = load(12 * len(MIXED))
    assert outcomes == Counter({status: 12 * sum(each == status for _, each in MIXED) for _, status in MIXED})
    assert _until(lambda: _traces(sandbox) == before, 20), (before, _traces(sandbox))


def _traces(sandbox: LocalSandbox) -> dict[str, object]:
    """Processes, open files and mounts of the service."""
    family = [sandbox.pid, *descendants(sandbox.pid)]
    found: dict[str, object] = {"processes": family}
    for pid in family:
        try:
            found[f"descriptors of {pid}"] = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            found[f"mounts of {pid}"] = Path(f"/proc/{pid}/mountinfo").read_text().count("\n")
        except OSError:
            continue
    return found
