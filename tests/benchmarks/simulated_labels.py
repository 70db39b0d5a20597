"""Labels by programs that stand for people: what they think of responses, and how they come to give 500 rankings.

They know the right answers, and err as people do: each response is worth `worth` of it plus Gumbel noise, so that
rankings follow a Plackett-Luce model of known noise.
"""

import itertools
import json
import math
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.labelers import PASSWORD, HttpLabeler, Item, label_all
from tests.workers.stack import RealStack
from training.problems.arithmetic import generate
from training.rankings import RankingRow
from training.rewards.verifier import Verifier

PROJECT = "preferences"
RESPONSES, LABELERS = 4, 5
PROBLEMS: dict[str, Any] = {"kind": "builtin", "level": "middle", "train_count": 4096}
RIGHT, WORKED_OUT, CUT_OFF = 2.0, 1.0, -1.5
NOISE = 0.5
SETUP = """
import uuid
from training.config.generate import GenerationConfig
from webapp.accounts.models import Role, User
from webapp.labeling.choices import Mode
from webapp.labeling.generation.services import start_generation
from webapp.labeling.projects import create_project
author = User.objects.filter(role=Role.ADMIN).first()
for number in range({labelers}):
    User.objects.create_user(f"labeler{{number}}", password="{password}", role=Role.LABELER)
project = create_project("{project}", Mode.RANKING, user=author)
start_generation(project, GenerationConfig.model_validate_json('{config}'), user=author, start_id=uuid.uuid4())
"""


class Taste:
    """What the simulated labelers like: it knows the answers, by which the verifier judges."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        made = generate(PROBLEMS["level"], PROBLEMS["train_count"], "train", 0)
        self._answers = {problem.prompt: problem.answer for problem in made}

    def worths(self, prompt: str, texts: Sequence[str]) -> list[float]:
        """What each response is worth, before noise."""
        verdicts = self._verifier.verify([(text, self._answers[prompt]) for text in texts])
        return [worth(text, verdict.correct is True) for text, verdict in zip(texts, verdicts, strict=True)]

    def ceiling(self, rows: Sequence[RankingRow]) -> float:
        """Share of decided pairs that worth alone orders as the labels do; equal worth counts half."""
        right, count = 0.0, 0
        for row in rows:
            values = self.worths(row.prompt, row.responses)
            for better, worse in itertools.permutations(range(len(values)), 2):
                if row.ranks[better] < row.ranks[worse]:
                    right += (values[better] > values[worse]) + (values[better] == values[worse]) / 2
                    count += 1
        return right / count


def worth(text: str, right: bool) -> float:
    """What a response is worth to a labeler."""
    worked_out = "=" in text.split("<answer>")[0]
    return RIGHT * right + WORKED_OUT * worked_out + CUT_OFF * (not text.rstrip().endswith("</answer>"))


def generate_items(stack: RealStack, count: int) -> None:
    """Have the built-in model write what is ranked."""
    config = {
        "prompts": {"kind": "set", "problems": PROBLEMS, "split": "train", "count": count},
        "sampling": {"samples": RESPONSES},
    }
    words = {"labelers": LABELERS, "password": PASSWORD, "project": PROJECT, "config": json.dumps(config)}
    stack.manage("shell", "--no-imports", "-c", SETUP.format(**words))
    while (state := stack.ask("SELECT state, error FROM labeling_generationjob")[0])[0] in ("queued", "running"):
        time.sleep(0.5)
    assert state[0] == "succeeded", state


def rank_all(stack: RealStack, taste: Taste) -> int:
    """Rank every item over HTTP; returns the number of labels."""

    def label(number: int) -> int:
        rng = random.Random(number)

        def judge(item: Item) -> dict[str, Any]:
            values = taste.worths(item["prompt"], [each["text"] for each in item["responses"]])
            noisy = [value - NOISE * math.log(-math.log(rng.random())) for value in values]
            best_first = sorted(noisy, reverse=True)
            handles = [each["handle"] for each in item["responses"]]
            return {"ranks": {h: best_first.index(v) + 1 for h, v in zip(handles, noisy, strict=True)}}

        return len(label_all(HttpLabeler(stack.port, f"labeler{number}", PROJECT), judge))

    with ThreadPoolExecutor(LABELERS) as pool:
        return sum(pool.map(label, range(LABELERS)))
