"""Problems to train and measure on: their type, their files, and the built-in generators."""

from training.problems.types import Problem, ProblemFileError, Split, read_problems, write_problems

__all__ = ["Problem", "ProblemFileError", "Split", "read_problems", "write_problems"]
