"""What the splitter makes of a whole set: computed in portions, each within a request, and kept for good.

A portion takes a fraction of a second; the page asks for the next until all problems are read. Sets of usual size, such
as GSM8K's 7,473 solutions, take one or two. Imported sets never change, so a total once computed stays right.
"""

import hashlib
import json
import re
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from training.config import SrlMethod
from training.problems.types import Problem
from training.srl.steps import SlowPatternError
from training.srl.tasks import Task, tasks_of
from webapp.datasets.models import StepTotals
from webapp.datasets.trajectories import Trajectories

VERSION = 1
"""Goes up when the splitter finds other steps than before, so that what was kept no longer counts."""

PORTION_SECONDS = 0.7
MOST_SECONDS = 120.0
"""Of all portions together; a pattern that takes longer for a set is too slow for it."""

EXAMPLES = 5
MOST_KEPT = 500

_NUMBERS = re.compile(r"\d[\d,]*")
BARS = 16
"""Most rows of the distribution; longer ones are put together."""
ONE_STEP = "it has one step only, and the last step is no target"


@dataclass
class Extreme:
    """The longest or shortest of something, in characters, and where it is; no problem has the number 0."""

    characters: int = 0
    number: int = 0
    step: int = 0


@dataclass
class Reason:
    """Why problems are refused: how many for it, and the first of them with what is said of each."""

    count: int = 0
    examples: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class Tally:
    """Counts over the problems up to the number ``read``."""

    read: int = 0
    refused: int = 0
    instances: int = 0
    to_train: int = 0
    """Instances of problems that may be trained on."""
    steps: dict[str, int] = field(default_factory=dict)
    """How many solutions have how many steps."""
    reasons: dict[str, Reason] = field(default_factory=dict)
    """By the reason without its numbers."""
    shortest: Extreme = field(default_factory=Extreme)
    longest: Extreme = field(default_factory=Extreme)
    """Of the targets."""
    prompt: Extreme = field(default_factory=Extreme)
    """The longest, with what the response is taken to begin with."""
    seconds: float = 0.0
    fault: str = ""
    """Why it went no further."""
    done: bool = False

    def add(self, number: int, problem: Problem, config: SrlMethod) -> None:
        """Count one problem. Raises SlowPatternError."""
        self.read = number
        tasks, refused = tasks_of([problem], config)
        if tasks or refused[0].reason == ONE_STEP:
            steps = str(tasks[0].count if tasks else 1)
            self.steps[steps] = self.steps.get(steps, 0) + 1
        if refused:
            self._refuse(number, refused[0].reason)
            return
        self.instances += len(tasks)
        self.to_train += len(tasks) * (problem.split == "train")
        self._measure(number, tasks)

    def _measure(self, number: int, tasks: list[Task]) -> None:
        for task in tasks:
            length = len(task.target)
            if length > self.longest.characters or not self.longest.number:
                self.longest = Extreme(length, number, task.number)
            if length < self.shortest.characters or not self.shortest.number:
                self.shortest = Extreme(length, number, task.number)
        length = tasks[-1].characters  # each holds what the one before does
        if length > self.prompt.characters:
            self.prompt = Extreme(length, number, tasks[-1].number)

    def _refuse(self, number: int, why: str) -> None:
        self.refused += 1
        reason = self.reasons.setdefault(_NUMBERS.sub("#", why), Reason())
        reason.count += 1
        if len(reason.examples) < EXAMPLES:
            reason.examples.append((number, why))

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Tally":
        """The tally that `asdict` made storable."""
        reasons = {kind: Reason(**reason) for kind, reason in stored["reasons"].items()}
        extremes = {name: Extreme(**stored[name]) for name in ("shortest", "longest", "prompt")}
        return cls(**{**stored, **extremes, "reasons": reasons})


def known_totals(trajectories: Trajectories, config: SrlMethod) -> Tally:
    """What was counted until now; an empty tally at first."""
    found = StepTotals.objects.filter(key=_key(trajectories, config)).values_list("tally", flat=True).first()
    return Tally.from_json(found) if found else Tally()


def further_totals(trajectories: Trajectories, config: SrlMethod) -> Tally:
    """Count another portion, keep it, and give what is known then. Two at once count the same and do no harm."""
    tally = known_totals(trajectories, config)
    if tally.done:
        return tally
    _count(tally, trajectories, config)
    kept = {"tally": asdict(tally)}
    _, is_new = StepTotals.objects.update_or_create(key=_key(trajectories, config), defaults=kept)
    if is_new:
        _forget_old()
    return tally


def _count(tally: Tally, trajectories: Trajectories, config: SrlMethod) -> None:
    began = time.monotonic()
    for number, problem in trajectories.after(tally.read):
        try:
            tally.add(number, problem, config)
        except SlowPatternError as error:
            tally.fault = f"Problem {number}: {error}."
            tally.done = True
            break
        if time.monotonic() - began > PORTION_SECONDS:
            break
    else:
        tally.done = True
    tally.seconds += time.monotonic() - began
    if tally.seconds > MOST_SECONDS and not tally.done:
        tally.fault = f"Stopped after {MOST_SECONDS:g} s: by this pattern so many solutions take too long."
        tally.done = True


def _key(trajectories: Trajectories, config: SrlMethod) -> str:
    content = [VERSION, trajectories.key, config.steps.model_dump(), config.format]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _forget_old() -> None:
    """Keep those that were counted last; any other is counted again when it is asked for."""
    kept = StepTotals.objects.order_by("-updated_at").values("pk")[:MOST_KEPT]
    StepTotals.objects.exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()
