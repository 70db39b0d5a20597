"""Runs the text of a program in the process made for it, as `python main.py` would, and notes what came of it.

This runs beside the program, in its process: what is noted here a program could note itself. It says how the program
ended in words; that it ended, and how, is told by the kernel.
"""

import __future__

import ast
import atexit
import builtins
import json
import linecache
import mmap
import os
import struct
import sys
import threading
import traceback
import types
from contextlib import suppress

NAME = "main.py"
REPORT_BYTES = 65_536
_MOST_TEXT = 8_192
_FUTURES = 0
for _name in __future__.all_feature_names:
    _FUTURES |= getattr(__future__, _name).compiler_flag


def run_program(descriptor: int, report: mmap.mmap) -> int:
    """Run the program behind `descriptor`; returns its exit code."""
    source = _read(descriptor).decode("utf-8", "replace")
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        # Line by line, so that what was printed before a program is ended is kept.
        errors = "replace" if mode == "r" else "backslashreplace"
        stream = open(number, mode, buffering=1, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.argv = [NAME]
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=NAME, __builtins__=builtins)
    sys.modules["__main__"] = main
    linecache.cache[NAME] = (len(source), None, source.splitlines(keepends=True), NAME)
    code = _execute(source, main.__dict__, report)
    for last in (threading._shutdown, atexit._run_exitfuncs, sys.stdout.flush, sys.stderr.flush):  # type: ignore[attr-defined]
        with suppress(BaseException):
            last()
    return code & 0xFF


def read_report(data: bytes) -> dict[str, object]:
    """What `run_program` noted; nothing where a program ended before, or spoiled it."""
    (length,) = struct.unpack_from("<I", data)
    if not 0 < length <= len(data) - 4:
        return {}
    try:
        noted = json.loads(data[4 : 4 + length])
    except (ValueError, RecursionError):  # anything may stand there
        return {}
    return noted if isinstance(noted, dict) else {}


def _read(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, 1 << 20):
        parts.append(part)
    os.close(descriptor)
    return b"".join(parts)


def _execute(source: str, namespace: dict[str, object], report: mmap.mmap) -> int:
    try:
        value = _value(source, namespace)
        if value is not None:
            _note(report, value=_cut(repr(value)))
        return 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        with suppress(BaseException):
            print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:  # whatever a program raises is its own
        with suppress(BaseException):
            _note(report, error=_described(error, source))
        with suppress(BaseException):
            _print_traceback(error)
        return 1


def _value(source: str, namespace: dict[str, object]) -> object:
    """Run all statements; the last one's value where it is an expression, as at a Python prompt."""
    tree = ast.parse(source, NAME)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    code = compile(tree, NAME, "exec", dont_inherit=True)
    exec(code, namespace)  # noqa: S102  # what a sandbox is for
    if not isinstance(last, ast.Expr):
        return None
    flags = code.co_flags & _FUTURES
    expression = compile(ast.Expression(last.value), NAME, "eval", flags, dont_inherit=True)
    return eval(expression, namespace)  # noqa: S307


def _described(error: BaseException, source: str) -> dict[str, object]:
    """Kind, message and place of an exception."""
    line: int | None = None
    if isinstance(error, SyntaxError) and error.filename == NAME:
        line = error.lineno
    for frame, number in traceback.walk_tb(error.__traceback__):
        line = number if frame.f_code.co_filename == NAME else line
    lines = source.splitlines()
    text = lines[line - 1].strip() if line and line <= len(lines) else ""
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return {"kind": type(error).__name__[:256], "message": _cut(message), "line": line, "text": _cut(text)}


def _print_traceback(error: BaseException) -> None:
    """Without the frames of this module: an exception of a program begins in the program."""
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename != NAME:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace, limit=-20, file=sys.stderr)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"


def _note(report: mmap.mmap, **noted: object) -> None:
    data = json.dumps(noted).encode("ascii")
    if len(data) <= REPORT_BYTES - 4:
        report[4 : 4 + len(data)] = data
        # Last, so that half a note is none.
        report[:4] = struct.pack("<I", len(data))
