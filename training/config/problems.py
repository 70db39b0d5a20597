"""Which problems a run trains on and is held to."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.config.base import Config, impossible

MOST_PROBLEMS = {
    "easy": {"train_count": 40_000, "heldout_count": 4_000},
    "repositories": {"train_count": 4_096, "heldout_count": 256},
}
"""As many as a level of few different problems gives without a long search; other levels have more than enough."""


class BuiltinProblems(Config):
    """Generated problems, mostly multi-step integer arithmetic; train and held-out ones never overlap."""

    kind: Literal["builtin"] = "builtin"

    level: Literal["easy", "middle", "hard", "tools", "repositories"] = "middle"
    """Number of operations, digits and brackets. tools: large products, powers and remainders, which no head computes
    but one line of Python does; for responses that call tools, with demonstrations of the calls. repositories: tiny
    Python repositories with a fault and a failing test, each with an expert's way to mend it; for prompt.toolset
    repository."""

    train_count: int = Field(default=4096, ge=1, le=1_000_000)
    """Distinct training problems to generate."""

    heldout_count: int = Field(default=256, ge=1, le=100_000)
    """Distinct held-out problems to generate."""

    seed: int = Field(default=0, ge=0)
    """Seed of the generator."""

    @model_validator(mode="after")
    def _level_has_so_many(self) -> Self:
        for name, most in MOST_PROBLEMS.get(self.level, {}).items():
            if (asked := getattr(self, name)) > most:
                raise impossible(
                    f"the level {self.level} has about {most:,} different problems of this split, fewer than {asked:,}",
                    {name: most},
                    {"level": "middle"},
                )
        return self


class CollectedProblems(Config):
    """What problems that were not made here can be filtered by, before they are trained on."""

    answers: Literal["all", "integers"] = "all"
    """integers: train only on problems whose answer is an integer, which no verifier can misread (rStar2-Agent)."""

    overlap_words: int = Field(default=0, ge=0, le=1000)
    """Leave out training problems that share so many words in a row with a held-out one (rStar2-Agent: 8); 0 for
    none."""


class ImportedProblems(CollectedProblems):
    """A problem set imported on the Datasets page."""

    kind: Literal["imported"] = "imported"

    slug: str = Field(min_length=1, pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Short name of the set, as in its address."""


class FileProblems(CollectedProblems):
    """A JSONL file of problems, one object a line with prompt, answer, split and optionally solution."""

    kind: Literal["file"] = "file"

    path: str = Field(min_length=1)
    """The file; relative paths start at the run's folder."""


ProblemSource = Annotated[BuiltinProblems | ImportedProblems | FileProblems, Field(discriminator="kind")]
