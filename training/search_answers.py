"""Test-time search: answers problems with the trajectories of a tree instead of independent samples."""

from collections.abc import Sequence

from training.assembly import Parts
from training.config import EvaluateMethod
from training.errors import InputError
from training.experience.direct import DirectExperience
from training.experience.scoring import Scorer
from training.experience.types import Group
from training.problems.types import Problem
from training.sampling.types import SamplingParams


def answer_by_search(
    parts: Parts,
    method: EvaluateMethod,
    scorer: Scorer,
    direct: DirectExperience,
    problems: Sequence[Problem],
    params: SamplingParams,
) -> list[Group]:
    """A group for each problem: `params.n` trajectories that its tree recorded, and a greedy answer if asked for."""
    raise InputError("this version cannot search at test time yet; leave method.search empty")
