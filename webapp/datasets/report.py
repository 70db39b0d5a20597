"""What a check of all rows found, in counts and examples."""

import hashlib
from collections import Counter
from typing import Any

from training.reading import Accepted, Refused, Repeated
from training.reading.convert import Outcome
from training.rewards.compare import as_number, is_words, tidy
from webapp.datasets.models import ProblemSet
from webapp.datasets.services import fingerprint

MAX_NOTES_LISTED = 50
COUNTS = (
    "rows", "accepted", "train", "heldout", "solutions", "transcripts", "unanswered", "refused", "repeated", "leaked",
    "notes",
)  # fmt: skip


class Tally:
    """Counts the outcomes of an import's rows.

    The report has the numbers of COUNTS; ``answers``, how many are numbers, words, expressions; ``note_list``; and
    ``twin``, name and slug of a set with the same contents, or None.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()
        self._notes: list[str] = []
        self._digest = hashlib.sha256()

    def add(self, outcome: Outcome) -> None:
        self.counts["rows"] += 1
        match outcome:
            case Accepted():
                self._add_accepted(outcome)
            case Refused():
                self.counts["refused"] += 1
            case Repeated():
                self.counts["leaked" if outcome.leaked else "repeated"] += 1

    def report(self) -> dict[str, Any]:
        same = ProblemSet.objects.filter(content_hash=self._digest.hexdigest())
        return {
            **{name: self.counts[name] for name in COUNTS},
            "answers": dict(self._answers),
            "note_list": self._notes,
            "twin": same.values("name", "slug").first(),
        }

    def _add_accepted(self, problem: Accepted) -> None:
        self.counts["accepted"] += 1
        self.counts[problem.split] += 1
        self.counts["solutions"] += bool(problem.solution)
        self.counts["transcripts"] += bool(problem.turns)
        if problem.answer:
            self._answers[_kind(problem.answer)] += 1
        else:
            self.counts["unanswered"] += 1
        fingerprint(self._digest, problem)
        if problem.note:
            self.counts["notes"] += 1
            if len(self._notes) < MAX_NOTES_LISTED:
                self._notes.append(f"{problem.source}, row {problem.row}: {problem.note}")


def _kind(answer: str) -> str:
    tidied = tidy(answer)
    if as_number(tidied) is not None:
        return "numbers"
    return "words" if is_words(tidied) else "expressions"
