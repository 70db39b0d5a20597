"""Labels made up for built-in problems, so that learning from rankings can be tried before any person has ranked.

Each problem has four responses: worked out and right, a right guess, worked out with a wrong answer, a wrong guess.
Right ones come before wrong ones, and work before guesses; the wrong ones tie, since nobody reads on after a wrong
answer.
"""

import random

from training.builtin.styles import Mixture, near_miss, respond
from training.config import BuiltinRankings
from training.problems.arithmetic import generate, parse
from training.rankings import RankingRow
from training.seeds import derive_seed

ANNOTATORS = 3
RANKS = (1.0, 2.0, 3.0, 3.0)
"""Of the responses in the order they are made."""


def made_up_rankings(source: BuiltinRankings) -> list[RankingRow]:
    """One label a problem, by one of `ANNOTATORS` made-up annotators in turn."""
    problems = generate(source.level, source.count, "train", source.seed)
    rng = random.Random(derive_seed(source.seed, "rankings"))
    rows = []
    for number, problem in enumerate(problems):
        worked, guessed = _answers(problem.meta["expression"], rng)
        wrong = near_miss(int(problem.answer), rng)
        tail = f"<answer>{problem.answer}</answer>"
        responses = [worked, guessed, worked.replace(tail, f"<answer>{wrong}</answer>"), f"<answer>{wrong}</answer>"]
        ranks = list(RANKS)
        if rng.random() < source.errors:
            first, second = rng.sample(range(len(ranks)), 2)
            ranks[first], ranks[second] = ranks[second], ranks[first]
        order = rng.sample(range(len(ranks)), len(ranks))
        rows.append(
            RankingRow(
                prompt=problem.prompt,
                responses=[responses[place] for place in order],
                ranks=[ranks[place] for place in order],
                annotator=f"made-up-{number % ANNOTATORS + 1}",
            )
        )
    return rows


def _answers(text: str, rng: random.Random) -> tuple[str, str]:
    """A worked and a guessed response, both right."""
    expression, always = parse(text), Mixture(guess=0, checked=0, guess_right=1)
    return respond(expression, "steps", always, rng), respond(expression, "guess", always, rng)
