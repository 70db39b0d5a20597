"""Checks that a run's problems hold what its method learns from, before anything loads."""

from collections.abc import Iterator

from training.config import RlMethod, RunConfig, SrlMethod
from webapp.datasets.models import ProblemSet
from webapp.runs.config_forms import Fault, Fix
from webapp.runs.configure.expert_checks import learns_solutions
from webapp.runs.configure.facts import Facts


def check_problems(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    about = ("problems.file.path" if config.problems.kind == "file" else "problems.imported.slug",)
    if facts.problems.error:
        sets = ProblemSet.objects.values_list("slug", flat=True)[:3] if config.problems.kind == "imported" else []
        yield Fault(facts.problems.error, about, tuple(Fix({about[0]: slug}) for slug in sets))
    elif facts.problems.train == 0:
        yield Fault("This set has no training problems, only held-out ones.", about)
    elif facts.problems.solutions == 0 and (learner := learns_solutions(config)):
        own_solutions = (Fix({"selection.kind": "rejection_sampling"}),) if learner == "SFT" else ()
        yield Fault(
            f"This set has no worked solutions, and {learner} learns from nothing else.",
            about,
            (*own_solutions, Fix({"method.kind": "grpo"})),
        )
    elif not facts.problems.has_answers and _checks_answers(config):
        yield Fault(
            "No problem of this set has an answer to check responses by; its solutions can be learned from.",
            about,
            (Fix({"method.kind": "srl"}), Fix({"method.kind": "sft"})),
        )


def _checks_answers(config: RunConfig) -> bool:
    """Whether the method asks for whole answers, which are checked."""
    if isinstance(config.method, SrlMethod):
        return config.method.granularity == "answer"
    return isinstance(config.method, RlMethod)
