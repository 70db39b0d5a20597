"""Names under which problems and solutions are the same wherever they come up. Standard library only."""

import hashlib

from training.config import BuiltinProblems, FileProblems, ImportedProblems

KEY_LENGTH = 32


def problem_key(prompt: str, answer: str) -> str:
    """The same for every run and problem set that asks this: spacing does not count."""
    return _digest(f"{_squeezed(prompt)}\n{_squeezed(answer)}")


def solution_key(text: str) -> str:
    """The same for texts that differ in spacing only."""
    return _digest(_squeezed(text))


def problem_set_name(problems: BuiltinProblems | ImportedProblems | FileProblems) -> str:
    """What a run's problems are called among solutions; seeds and sizes of a built-in level do not count."""
    match problems:
        case BuiltinProblems():
            return f"builtin/{problems.level}"
        case ImportedProblems():
            return f"imported/{problems.slug}"
        case FileProblems():
            return f"file/{problems.path}"


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]
