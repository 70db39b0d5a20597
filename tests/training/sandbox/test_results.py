"""What a caller is told of a program."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest

from training.sandbox.client import LocalSandbox
from training.sandbox.types import Call, ExecutionResult, Limits, ProgramError

pytestmark = pytest.mark.processes

Run = Callable[..., ExecutionResult]
_NUMBERS = itertools.count()


@pytest.fixture
def run(sandbox: LocalSandbox) -> Run:
    def run(program: str, stdin: str = "", **limits: Any) -> ExecutionResult:
        limits = {"wall_s": 20, "cpu_s": 10, **limits}
        return sandbox.submit(Call(f"results {next(_NUMBERS)}", program, stdin, Limits(**limits))).result(60)

    return run


def test_the_last_expression_is_a_value_beside_the_output(run: Run) -> None:
    result = run("print('out')\nx = 3\nx * 2")
    assert (result.status, result.exit_code, result.stdout, result.value) == ("ok", 0, "out\n", "6")


@pytest.mark.parametrize(
    ("program", "value"),
    [
        ("x = 5; x", "5"),
        ("(1,\n 2,\n)", "(1, 2)"),
        ("'text'", "'text'"),
        ("None", None),
        ("x = 1", None),
        ("print(1)", None),
        ("5\nx = 6", None),
        ("if True:\n    7", None),
        ("", None),
        ("# nothing", None),
        ("import sympy\nsympy.sqrt(8)", "2*sqrt(2)"),
        ("import sys; sys.stdout.write('ab')", "2"),
    ],
)
def test_a_value_is_what_a_prompt_would_show(run: Run, program: str, value: str | None) -> None:
    assert run(program).value == value


def test_what_was_printed_before_an_exception_is_kept_with_the_exception(run: Run) -> None:
    result = run("print('before')\n1/0")
    assert (result.status, result.exit_code, result.stdout, result.value) == ("error", 1, "before\n", None)
    assert result.error == ProgramError("ZeroDivisionError", "division by zero", 2, "1/0")
    told = result.stderr.splitlines()
    assert told[:3] == ["Traceback (most recent call last):", '  File "main.py", line 2, in <module>', "    1/0"]
    assert told[-1] == "ZeroDivisionError: division by zero"


def test_an_exception_in_a_function_names_the_innermost_line_of_the_program(run: Run) -> None:
    result = run("import json\ndef load(text):\n    return json.loads(text)\n\nload('{')")
    assert result.error is not None
    assert (result.error.kind, result.error.line, result.error.text) == (
        "JSONDecodeError",
        3,
        "return json.loads(text)",
    )
    assert 'File "main.py", line 5, in <module>' in result.stderr
    assert "program.py" not in result.stderr


def test_a_syntax_error_names_its_line(run: Run) -> None:
    result = run("x = 1\nx = = 2\n")
    assert result.status == "error"
    assert result.error == ProgramError("SyntaxError", "invalid syntax", 2, "x = = 2")
    assert "SyntaxError: invalid syntax" in result.stderr


def test_line_numbers_hold_after_an_import_of_the_future(run: Run) -> None:
    result = run('"""What it does."""\nfrom __future__ import annotations\n\nf: Missing = 1\nraise KeyError("k")')
    assert result.error == ProgramError("KeyError", "'k'", 5, 'raise KeyError("k")')


@pytest.mark.parametrize(
    ("program", "status", "code", "stderr"),
    [
        ("raise SystemExit", "ok", 0, ""),
        ("import sys; sys.exit(0)", "ok", 0, ""),
        ("import sys; sys.exit(3)", "error", 3, ""),
        ("import sys; sys.exit('why')", "error", 1, "why\n"),
        ("exit()", "ok", 0, ""),
        ("quit(4)", "error", 4, ""),
        ("import os; os._exit(9)", "error", 9, ""),
    ],
)
def test_exit_codes_are_the_programs(run: Run, program: str, status: str, code: int, stderr: str) -> None:
    result = run(program)
    assert (result.status, result.exit_code, result.stderr, result.error) == (status, code, stderr, None)


def test_output_before_a_limit_is_kept(run: Run) -> None:
    result = run(
        "print('first'); print('second', end='')\nimport sys; sys.stdout.flush()\nwhile True: pass", wall_s=0.5
    )
    assert (result.status, result.exit_code, result.stdout) == ("timeout", None, "first\nsecond")
    assert 0.5 <= result.wall_s < 8
    assert result.error is None


def test_processor_time_is_a_limit_of_its_own(run: Run) -> None:
    result = run("print('on')\nwhile True: pass", wall_s=60, cpu_s=1)
    assert (result.status, result.stdout) == ("cpu_limit", "on\n")
    assert result.cpu_s > 0.8


def test_memory_beyond_the_limit_is_an_error_of_the_program(run: Run) -> None:
    result = run("data = bytearray(600 << 20)", memory_mb=256)
    assert result.status == "error"
    assert result.error is not None
    assert (result.error.kind, result.error.line) == ("MemoryError", 1)
    assert run("data = bytearray(128 << 20); len(data)", memory_mb=256).value == str(128 << 20)


def test_too_much_output_ends_a_program_and_its_beginning_is_kept(run: Run) -> None:
    result = run("while True: print('x' * 99)", output_bytes=1000)
    assert (result.status, result.stdout, result.truncated) == ("output_limit", ("x" * 99 + "\n") * 10, True)


def test_somewhat_too_much_output_is_cut(run: Run) -> None:
    result = run("print('x' * 1500)", output_bytes=1000)
    assert (result.status, result.stdout, result.truncated) == ("ok", "x" * 1000, True)
    assert not run("print('x' * 999)", output_bytes=1000).truncated


def test_both_outputs_have_their_own_room(run: Run) -> None:
    result = run("import sys\nprint('o' * 900)\nprint('e' * 900, file=sys.stderr)", output_bytes=1000)
    assert (len(result.stdout), len(result.stderr), result.truncated) == (901, 901, False)


def test_output_that_is_no_text_is_shown_as_far_as_it_is(run: Run) -> None:
    result = run(r"import sys; sys.stdout.buffer.write(b'a\xff\x00b'); print('\ud800')")
    assert result.stdout == "a\ufffd\x00b\\ud800\n"


def test_no_text_of_a_result_has_half_a_character(run: Run) -> None:
    error = run("raise ValueError('\\ud800')").error
    assert error == ProgramError("ValueError", "?", 1, "raise ValueError('\\ud800')")


def test_markers_in_the_output_are_output(run: Run) -> None:
    text = '{"result": {"id": "x", "status": "ok"}}\n{"failed": 1}\n\0'
    result = run(f"print({text!r})\nraise ValueError")
    assert (result.status, result.stdout) == ("error", text + "\n")


def test_a_long_value_and_a_long_message_are_cut(run: Run) -> None:
    assert len(run("'x' * 1_000_000").value or "") < 10_000
    error = run("raise ValueError('x' * 100_000)").error
    assert error is not None
    assert 1000 < len(error.message) < 10_000


def test_a_crash_is_no_error_but_an_end_by_a_signal(run: Run) -> None:
    result = run("print('before')\nimport ctypes; ctypes.string_at(0)")
    assert (result.status, result.exit_code, result.signal, result.stdout) == ("killed", None, 11, "before\n")


def test_a_result_says_what_a_program_took(run: Run) -> None:
    result = run(
        "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\nbytearray(64 << 20)"
    )
    assert 0.15 < result.cpu_s < 2
    assert result.wall_s >= result.cpu_s / 2
    assert 64 < result.max_rss_mb < 600
    assert result.queue_s >= 0
    assert result.tier


def test_random_numbers_differ_from_call_to_call(run: Run) -> None:
    drawn = {run("import random, numpy\nrandom.random(), float(numpy.random.rand())").value for _ in range(3)}
    assert len(drawn) == 3


def test_a_warm_call_is_quick(run: Run) -> None:
    """The best of some, for machines that have other things to do: nothing waits a fixed time."""

    def seconds() -> float:
        begun = time.perf_counter()
        assert run("print(1)").stdout == "1\n"
        return time.perf_counter() - begun

    assert min(seconds() for _ in range(12)) < 0.15
