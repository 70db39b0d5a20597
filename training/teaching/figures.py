"""Counts what a teaching's file holds, line by line as it grows."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.config.teach import Keep
from training.teaching.lines import Line, Written, written_of

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Short:
    """What counting needs of an answer or a rewrite."""

    refused: str
    correct: bool | None
    length: int
    digest: bytes

    @classmethod
    def of(cls, written: Written) -> "Short":
        text = written.text.strip()
        return cls(written.refused, written.correct, len(text), hashlib.sha256(text.encode()).digest()[:16])


@dataclass(slots=True)
class _Problem:
    left_out: bool = False
    answers: dict[int, Short] = field(default_factory=dict)
    rewrites: dict[int, Short] = field(default_factory=dict)


def chosen(answers: Mapping[int, Short], keep: Keep) -> list[int]:
    """Which answers to a problem become solutions, by their number. Of equal ones the first."""
    good: dict[bytes, int] = {}
    for number in sorted(answers):
        if not answers[number].refused:
            good.setdefault(answers[number].digest, number)
    numbers = list(good.values())
    if keep == "shortest":
        numbers.sort(key=lambda number: (answers[number].length, number))
    return numbers if keep == "all" else numbers[:1]


class Tally:
    """The figures of the lines added so far. A line that stands for an earlier one of the same answer replaces it."""

    def __init__(self) -> None:
        self._head: Line = {}
        self._problems: dict[int, _Problem] = {}
        self._counted: dict[int, Counter[str]] = {}
        self._sums: Counter[str] = Counter()
        self._changed: set[int] = set()
        self._cost = 0.0

    def add(self, line: Line) -> None:
        """Count a line of the file."""
        if line["kind"] == "head":
            self._head = line
        elif line["kind"] == "problem":
            self._of(line["problem"]).left_out = bool(line["left_out"])
        elif written := written_of(line):
            of = self._of(written.problem)
            (of.answers if written.kind == "answer" else of.rewrites)[written.sample] = Short.of(written)
            self._sums["tokens_in"] += written.tokens_in or 0
            self._sums["tokens_out"] += written.tokens_out or 0
            self._sums["without_usage"] += written.refused != "failed" and written.tokens_out is None
            self._cost += written.cost

    def figures(self) -> Figures:
        """All counts, as JSON holds them. ``refused`` and ``rewrites_refused`` count by `lines.Refusal`."""
        for number in self._changed:
            counts = self._count(self._problems[number])
            self._sums.subtract(self._counted.get(number, Counter()))
            self._sums.update(counts)
            self._counted[number] = counts
        self._changed.clear()
        names = ("left_out", "settled", "asked", "right", "wrong", "no_verdict", "failed", "unchosen", "to_rewrite",
                 "rewritten", "solutions", "solved", "tokens_in", "tokens_out", "without_usage")  # fmt: skip
        figures: Figures = {name: self._sums[name] for name in names}
        for group in ("refused", "rewrites_refused"):
            found = {name.split(":")[1]: n for name, n in self._sums.items() if name.startswith(f"{group}:") and n}
            figures[group] = dict(sorted(found.items()))
        return figures | {"problems": self._head.get("problems", 0), "cost": round(self._cost, 6)}

    def _of(self, number: int) -> _Problem:
        self._changed.add(number)
        return self._problems.setdefault(number, _Problem())

    def _count(self, of: _Problem) -> Counter[str]:
        keep, samples = self._head["keep"], self._head["samples"]
        answers = of.answers.values()
        kept = chosen(of.answers, keep)
        good = sum(not each.refused for each in answers)
        counts: Counter[str] = Counter()
        counts["left_out"] = of.left_out
        counts["settled"] = of.left_out or len(of.answers) >= samples or bool(keep == "first" and kept)
        counts["asked"] = len(answers)
        counts["failed"] = sum(each.refused == "failed" for each in answers)
        counts["right"] = sum(each.correct is True for each in answers)
        counts["wrong"] = sum(each.correct is False for each in answers)
        counts["no_verdict"] = counts["asked"] - counts["failed"] - counts["right"] - counts["wrong"]
        counts["unchosen"] = good - len(kept) if counts["settled"] else 0
        counts.update(f"refused:{each.refused}" for each in answers if each.refused)
        if self._head["rewrites"]:
            counts["to_rewrite"] = len(kept) if counts["settled"] else 0
            counts.update(f"rewrites_refused:{each.refused}" for each in of.rewrites.values() if each.refused)
            counts["rewritten"] = sum(not each.refused for each in of.rewrites.values())
        counts["solutions"] = counts["rewritten"] if self._head["rewrites"] else len(kept)
        counts["solved"] = bool(counts["solutions"])
        return counts


class Follower:
    """Keeps a tally of a file that another process appends to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0
        self._tally = Tally()

    def figures(self) -> Figures:
        """Of all whole lines that stand there now; empty before the file has begun."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._place)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._place += len(line)
                    self._tally.add(json.loads(line))
        except FileNotFoundError:
            return {}
        return self._tally.figures() if self._place else {}


def in_words(figures: Figures) -> list[str]:
    """The figures as sentences, for a terminal."""
    if not figures:
        return ["nothing was asked yet"]
    refused = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in figures["refused"].items())
    lines = [
        f"problems {figures['problems']:,}, left out {figures['left_out']:,}, solved {figures['solved']:,}",
        f"asked {figures['asked']:,}: right {figures['right']:,}, wrong {figures['wrong']:,}, "
        f"without verdict {figures['no_verdict']:,}, failed {figures['failed']:,}",
        f"refused: {refused or 'none'}; right ones not chosen {figures['unchosen']:,}",
    ]
    if figures["to_rewrite"]:
        dropped = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in figures["rewrites_refused"].items())
        lines.append(f"rewritten {figures['rewritten']:,} of {figures['to_rewrite']:,}; refused: {dropped or 'none'}")
    untold = f" (not told of {figures['without_usage']:,} answers)" if figures["without_usage"] else ""
    tokens = f"tokens in {figures['tokens_in']:,}, out {figures['tokens_out']:,}{untold}"
    return [*lines, f"{tokens}; cost ${figures['cost']:,.4f}", f"solutions {figures['solutions']:,}"]
