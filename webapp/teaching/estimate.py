"""What a teaching asks for and costs at most, before it is started."""

from dataclasses import dataclass

from django.db.models import Avg
from django.db.models.functions import Length

from training.config.problems import ImportedProblems
from training.config.teach import EndpointTeacher, ModelTeacher, NumberedSteps, TeachConfig
from training.teaching.prompts import rewrite_prompt
from webapp.datasets.models import Problem, ProblemSet

CHARACTERS_A_TOKEN = 4
"""Of English, roughly; other languages have fewer, so that their prompts cost more."""
BUILTIN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Estimate:
    """Upper bounds. Costs are in dollars, None where no price is known; the true ones are most often far below."""

    problems: int
    answers: int
    rewrites: int
    output_tokens: int
    cost: float | None
    computes_here: bool
    """Whether a model of this installation does some of it."""


def estimate(config: TeachConfig) -> Estimate:
    """Bounds of a teaching; as if every answer were as long as it may be and every problem solved."""
    there, characters = _problems_of(config)
    problems = min(config.count, there)
    answers = problems * config.sampling.samples
    solutions = answers if config.sampling.keep == "all" else problems
    rewrite, rewriter = config.rewrite, config.rewriter
    rewrites = solutions if rewriter else 0
    cost = _cost(config.teacher, answers, characters, config.sampling.max_tokens)
    output = answers * config.sampling.max_tokens
    if isinstance(rewrite, NumberedSteps) and rewriter:
        asked = len(rewrite_prompt("", "")) + characters + config.sampling.max_tokens * CHARACTERS_A_TOKEN
        again = _cost(rewriter, rewrites, asked, rewrite.max_tokens)
        cost = None if cost is None or again is None else cost + again
        output += rewrites * rewrite.max_tokens
    here = any(isinstance(each, ModelTeacher) for each in (config.teacher, rewriter))
    return Estimate(problems, answers, rewrites, output, cost, here)


def _problems_of(config: TeachConfig) -> tuple[int, float]:
    """How many problems there are, and the characters of one on the average."""
    if not isinstance(config.problems, ImportedProblems):
        return config.count, BUILTIN_CHARACTERS
    problem_set = ProblemSet.objects.filter(slug=config.problems.slug).first()
    if problem_set is None:
        return 0, 0
    rows = Problem.objects.filter(problem_set=problem_set, split=config.split)
    mean = rows.aggregate(mean=Avg(Length("prompt")))["mean"] or 0
    return (problem_set.train_count if config.split == "train" else problem_set.heldout_count), float(mean)


def _cost(teacher: ModelTeacher | EndpointTeacher, calls: int, characters: float, max_tokens: int) -> float | None:
    if not isinstance(teacher, EndpointTeacher):
        return 0.0
    if not teacher.price_in and not teacher.price_out:
        return None
    tokens_in = (characters + len(teacher.system)) / CHARACTERS_A_TOKEN
    return calls * (tokens_in * teacher.price_in + max_tokens * teacher.price_out) / 1_000_000
