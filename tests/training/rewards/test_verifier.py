"""Verdicts, and what happens to answers that hang, crash or try to be paid without being right."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from training.rewards import Verdict, Verifier

BOMB = r"\boxed{9^{9^{9^{9}}}}"


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(workers=1, timeout_s=10.0) as made:
        yield made


@pytest.mark.parametrize(
    ("answer", "reference", "correct"),
    [
        ("42", "42", True),
        ("42", "43", False),
        ("27", "27.0", True),
        ("1,234", "1234", True),
        (r"\$1{,}234.50", "1234.5", True),
        ("\N{MINUS SIGN}3", "-3", True),
        ("-0", "0", True),
        ("007", "7", True),
        ("7.", "7", True),
        (".5", "0.50", True),
        ("$72$", "72", True),
        ("0.33", "0.333", False),
        ("1" * 100_000, "1" * 100_000, True),
        ("1" * 100_000, "1" * 99_999 + "2", False),
        ("Yes", "yes", True),
        (r"\text{Yes}", "Yes", True),
        ("sey", "Yes", False),
        ("on", "No", False),
        ("Yes", "1", False),
        ("12+7=19", "19", True),
        ("x = 19", "19", True),
        ("12+7=18", "19", False),
        ("1 9", "19", False),
        ("1,9", "19", False),
    ],
)
def test_it_judges_numbers_and_words_without_a_process(answer: str, reference: str, correct: bool) -> None:
    with Verifier() as verifier:
        [verdict] = verifier.verify([(f"<answer>{answer}</answer>", reference)])
        assert verifier.worker_pids() == []
    assert verdict.correct is correct


@pytest.mark.parametrize(
    ("answer", "reference", "correct"),
    [
        (r"\frac{1}{2}", "0.5", True),
        ("1/2", r"\dfrac{2}{4}", True),
        (r"2\sqrt{3}", r"\sqrt{12}", True),
        ("x^2+2x+1", "(x+1)^2", True),
        ("x = y", "y", True),
        ("x >= 5", "5", False),
        ("x = 5, y = 7", "7", False),
        (r"1.2 \times 10^5", "120000", True),
        ("2^{10}", "1024", True),
        (r"10^{-1}", "0.1", True),
        (r"-\frac{14}{2}", "-7", True),
        ("(1,2)", "(1, 2)", True),
        ("(2,1)", "(1, 2)", False),
        (r"\{2,1\}", r"\{1,2\}", True),
        ("1, 2, 3", "1", False),
        ("5 or 6", "5", False),
        (r"\frac{1}{3}", "0.3", False),
        (r"\frac{", "5", False),
    ],
)
def test_it_judges_mathematics_by_algebra(verifier: Verifier, answer: str, reference: str, correct: bool) -> None:
    [verdict] = verifier.verify([(f"<answer>{answer}</answer>", reference)])
    assert verdict.correct is correct, verdict.reason


@pytest.mark.parametrize("reference", ["", "  ", "$$", r"\frac{1}{", "5 {", r"\begin{pmatrix} 1"])
@pytest.mark.parametrize("response", [r"\boxed{5}", r"\boxed{0}", r"\boxed{\emptyset}", "<answer>$$</answer>"])
def test_it_never_pays_for_a_reference_it_cannot_read(verifier: Verifier, response: str, reference: str) -> None:
    [verdict] = verifier.verify([(response, reference)])
    assert verdict.correct is None
    assert "reference" in verdict.reason


def test_it_looks_at_the_response_as_a_whole_and_not_for_numbers_inside_it(verifier: Verifier) -> None:
    verdicts = verifier.verify([("the answer is 5", "5"), ("<answer>5} \\boxed{6</answer>", "6")])
    assert [verdict.correct for verdict in verdicts] == [False, False]


@pytest.mark.parametrize(
    "answer",
    ["12+7", "12 + 7", "(12+7)", r"12\,+\,7", "12{+}7", "38/2+0", "19*1", r"19 \times 1", r"19\cdot1", "20-1", "19(1)"],
)
def test_it_does_not_pay_for_arithmetic_that_was_not_worked_out(answer: str) -> None:
    with Verifier() as verifier:
        [verdict] = verifier.verify([(f"<answer>{answer}</answer>", "19")])
        assert verifier.worker_pids() == []
    assert verdict.correct is False
    assert "not worked out" in verdict.reason


def test_it_says_why_in_words(verifier: Verifier) -> None:
    [verdict] = verifier.verify([(r"\boxed{42}", "42")])
    assert verdict == Verdict(True, "42", r"extracted 42 from \boxed{}; equal to reference 42 as integers")


def test_it_keeps_the_order_of_the_pairs() -> None:
    pairs = [(rf"\boxed{{\frac{{{i}}}{{7}}}}" if i % 2 else rf"\boxed{{{i}}}", f"{i}/7") for i in range(40)]
    with Verifier(workers=2, timeout_s=30.0) as verifier:
        verdicts = verifier.verify(pairs)
    assert [verdict.correct for verdict in verdicts] == [i == 0 or bool(i % 2) for i in range(40)]


def test_it_kills_what_takes_too_long_and_goes_on() -> None:
    with Verifier(workers=1, timeout_s=0.5) as verifier:
        verifier.verify([(r"\boxed{x}", "y")])
        [before] = verifier.worker_pids()
        bomb = verifier.start((BOMB, "5"))
        after = verifier.start((r"\boxed{\frac{4}{2}}", "2"))
        assert bomb.result(timeout=20).correct is None
        assert "longer than 0.5 s" in bomb.result().reason
        assert after.result(timeout=20).correct is True
        assert before not in verifier.worker_pids()
    assert not alive(before)


def test_it_replaces_a_process_that_crashed() -> None:
    with Verifier(workers=1, timeout_s=30.0) as verifier:
        verifier.verify([(r"\boxed{x}", "y")])
        [pid] = verifier.worker_pids()
        hanging = verifier.start((BOMB, "5"))
        time.sleep(0.2)
        os.kill(pid, signal.SIGKILL)
        assert hanging.result(timeout=20) == Verdict(
            None, "9^{9^{9^{9}}}", r"extracted 9^{9^{9^{9}}} from \boxed{}; the comparison crashed its process"
        )
        assert verifier.verify([(r"\boxed{2/4}", "1/2")])[0].correct is True


def test_it_leaves_no_process_behind_when_closed_in_the_middle_of_work() -> None:
    verifier = Verifier(workers=2, timeout_s=60.0)
    futures = [verifier.start((BOMB, str(i))) for i in range(6)]
    while len(verifier.worker_pids()) < 2:
        time.sleep(0.02)
    pids = verifier.worker_pids()
    start = time.monotonic()
    verifier.close()
    assert time.monotonic() - start < 5
    assert not any(alive(pid) for pid in pids)
    assert all(future.cancelled() or future.result().correct is None for future in futures)


@pytest.mark.processes
@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_it_leaves_no_process_behind_when_the_parent_is_killed() -> None:
    program = (
        "from training.rewards import Verifier\n"
        "v = Verifier(workers=1, timeout_s=60.0)\n"
        "v.verify([('\\\\boxed{x}', 'y')])\n"
        "print(v.worker_pids()[0], flush=True)\n"
        f"v.verify([({BOMB!r}, '5')])\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    time.sleep(0.3)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 60
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


def test_it_loads_no_torch() -> None:
    program = (
        "import sys, training.rewards, training.rewards.worker as w; w.judge('1/2', '0.5');"
        "print(sorted({'torch', 'numpy', 'transformers', 'django'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_it_answers_from_the_command_line() -> None:
    done = check({"response": r"it is \boxed{27}", "answer": "27.0"})
    assert json.loads(done.stdout) == {
        "correct": True,
        "extracted": "27",
        "reason": r"extracted 27 from \boxed{}; equal to reference 27.0 as integers",
        "start": 13,
        "end": 15,
        "mark": r"\boxed{}",
        "version": "1",
    }


def test_it_refuses_other_input_on_the_command_line() -> None:
    done = check({"response": 5})
    assert done.returncode == 2
    assert "expected" in done.stderr


def check(pair: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training.rewards.check"]
    return subprocess.run(command, input=json.dumps(pair), capture_output=True, text=True, check=False, timeout=60)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"
