"""A diff as lines to be shown: by sign and word as well as by colour."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line; `kind` is added, removed, head or same, and a word for readers of it."""

    kind: str
    sign: str
    text: str


def diff_lines(diff: str) -> list[DiffLine]:
    """The lines of a diff, with its heads where it has any; empty for an empty one."""
    lines, in_head = [], False
    for line in diff.splitlines():
        in_head = line.startswith("--- ") or (in_head and line.startswith("+++ "))
        if in_head or line.startswith("@@"):
            lines.append(DiffLine("head", "", line))
        elif line[:1] == "+":
            lines.append(DiffLine("added", "+", line[1:]))
        elif line[:1] == "-":
            lines.append(DiffLine("removed", "−", line[1:]))
        else:
            lines.append(DiffLine("same", "", line[1:]))
    return lines
