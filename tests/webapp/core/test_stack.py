"""Parts of `manage.py up`: what stops it from starting, processes that die, one stack a folder."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from webapp.core.stack import checks, child
from webapp.core.stack.checks import CannotStart, check_folder, check_port
from webapp.core.stack.child import MOST_QUICK_DEATHS, REFUSED_EXIT_CODE, Child, GaveUp
from webapp.core.stack.lock import StackLock

ROOT = Path(__file__).resolve().parents[3]


def make_child(tmp_path: Path, code: str) -> Child:
    return Child("thing", [sys.executable, "-c", code], tmp_path, tmp_path / "thing.log", dict(os.environ))


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Child]:
    made = make_child(tmp_path, "import time; print('up', flush=True); time.sleep(600)")
    yield made
    made.kill()


def look_until(made: Child, condition: object, seconds: float = 20) -> list[str]:
    """Look after the child until ``condition()``; returns what it said."""
    said, deadline = [], time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        said.append(made.look_after())
        time.sleep(0.02)
    return [line for line in said if line]


def test_a_taken_port_is_named_with_another_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "PORT_WAIT_S", 0.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=rf"Port {port} is taken.*make run PORT={port + 1}"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match=r"cannot be written \(Not a directory\).*ESPALIER_DATA"):
        check_folder(tmp_path / "file" / "data")


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_folder(tmp_path / "data")
    monkeypatch.setattr(checks, "LEAST_FREE_BYTES", 2**60)
    with pytest.raises(CannotStart, match=r"nearly full.*Make room"):
        check_folder(tmp_path / "data")


def test_a_process_that_was_killed_starts_again(sleeper: Child) -> None:
    sleeper.start()
    assert sleeper.look_after() == ""
    first = sleeper._process
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    said = look_until(sleeper, sleeper.is_alive)
    assert said == ["thing was killed by signal 9; starting it again"]
    assert sleeper._process is not first


def test_a_process_that_dies_again_and_again_is_given_up_with_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "FIRST_PAUSE_S", 0.01)
    broken = make_child(tmp_path, "print('no such module'); raise SystemExit(3)")
    broken.start()
    with pytest.raises(GaveUp, match="no such module") as reason:
        look_until(broken, lambda: False)
    assert f"ended {MOST_QUICK_DEATHS} times in a row" in str(reason.value)
    assert (tmp_path / "thing.log").read_text().count("no such module") == MOST_QUICK_DEATHS


def test_a_process_that_refuses_this_machine_is_named_once_and_left_alone(tmp_path: Path) -> None:
    refusing = make_child(tmp_path, f"print('no isolation here'); raise SystemExit({REFUSED_EXIT_CODE})")
    refusing.start()
    assert refusing._process is not None
    refusing._process.wait(20)
    said = [refusing.look_after() for _ in range(50)]
    assert said == [f"thing does not run on this machine; {tmp_path / 'thing.log'} says why", *[""] * 49]
    assert not refusing.is_alive()


def test_a_long_log_is_put_aside(tmp_path: Path, sleeper: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LOG_BYTES", 10)
    (tmp_path / "thing.log").write_text("x" * 11)
    sleeper.start()
    assert (tmp_path / "thing.old.log").read_text() == "x" * 11
    look_until(sleeper, lambda: sleeper.last_words() == "up")


def test_children_of_a_killed_head_end(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from webapp.core.stack.child import Child\n"
        "child = Child('c', [sys.executable, '-c', 'import time; time.sleep(600)'], Path('.'), Path(sys.argv[1]), "
        "dict(os.environ)); child.start(); print(child._process.pid, flush=True); time.sleep(600)"
    )
    head = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "log")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert head.stdout is not None
    grandchild = psutil.Process(int(head.stdout.readline()))
    assert grandchild.is_running()
    head.kill()
    head.wait()
    head.stdout.close()
    psutil.wait_procs([grandchild], timeout=10)
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


def test_one_stack_holds_a_folder_until_it_ends(tmp_path: Path) -> None:
    first = StackLock(tmp_path)
    with first:
        assert first.take("http://localhost:1") is None
        holder = StackLock(tmp_path).take("http://localhost:2")
        assert holder == (os.getpid(), "http://localhost:1")
    assert StackLock(tmp_path).take("http://localhost:3") is None
