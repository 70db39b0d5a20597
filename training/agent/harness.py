"""Runs a repository's tests inside the sandbox: its text is the program there, and the files come on standard input.

Each test file runs in a process of its own, whose word counts only with a token that is given after all has run: a
function under test that ends the process, or prints, passes nothing. It says one line of JSON: how many tests passed,
and why the others did not.
"""

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

MOST_SHOWN = 200
"""Characters of a failure that are told."""


def main() -> None:
    """Write the files, run the tests in the order of their paths, tell the outcome."""
    given = json.load(sys.stdin)
    for path, text in given["files"].items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")
    sys.path.insert(0, str(Path.cwd()))
    sys.dont_write_bytecode = True
    passed, failures = 0, []
    for path in given["tests"]:
        found = in_a_process(path, given["files"][path])
        passed += found["passed"]
        failures += found["failures"]
    print(json.dumps({"passed": passed, "failures": failures}))


def in_a_process(path: str, text: str) -> dict[str, Any]:
    """The outcome of a test file."""
    token, (reading, writing) = os.urandom(8).hex(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        silence = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(silence, descriptor)
        try:
            outcome = outcome_of(path, text)
            os.write(writing, (token + json.dumps(outcome)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        said = told.read(1 << 20).decode("utf-8", "replace")
    os.waitpid(child, 0)
    if said.startswith(token):
        return dict(json.loads(said[len(token) :]))
    return {"passed": 0, "failures": [f"{path} ended before its tests did"]}


def outcome_of(path: str, text: str) -> dict[str, Any]:
    """Load the file, then call all its functions named test*; a file that cannot be loaded is one failure."""
    names: dict[str, Any] = {"__name__": Path(path).stem, "__file__": path}
    try:
        exec(compile(text, path, "exec"), names)  # noqa: S102  # what a sandbox is for
    except BaseException as error:
        return {"passed": 0, "failures": [described(error, path, text)]}
    passed, failures = 0, []
    for name, test in list(names.items()):
        if name.startswith("test") and callable(test):
            try:
                test()
                passed += 1
            except BaseException as error:
                failures.append(described(error, path, text))
    return {"passed": passed, "failures": failures}


def described(error: BaseException, path: str, text: str) -> str:
    """The line of the test that failed, and what was raised where that says more."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError in {Path(error.filename or path).name} line {error.lineno}"[:MOST_SHOWN]
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    line = text.splitlines()[lines[-1] - 1].strip() if lines and lines[-1] else path
    if isinstance(error, AssertionError):
        return line[:MOST_SHOWN]
    return f"{line}\n{type(error).__name__}: {error}"[:MOST_SHOWN]


if __name__ == "__main__":
    main()
