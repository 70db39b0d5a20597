"""Finds the labels that a config names: made up, of a labeling project, or in a file."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from training.builtin.rankings import made_up_rankings
from training.config import PROJECT_RANKINGS, BuiltinRankings, PreferenceMethod, ProjectRankings, RankingsFile
from training.errors import InputError
from training.rankings import RankingRow, Rankings, read_rankings, split_rankings


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels with what tells them from others."""

    rankings: Rankings
    count: int
    """Before any was left out."""
    digest: str
    """SHA-256 of the file, or of what it would hold."""


def load_labels(method: PreferenceMethod, seed: int, run_folder: Path) -> Labels:
    """The labels of a run, in two halves. Raises InputError when they cannot be had, or nothing would be left."""
    source = method.rankings
    if isinstance(source, BuiltinRankings):
        rows = made_up_rankings(source)
        digest = hashlib.sha256("\n".join(row.model_dump_json() for row in rows).encode()).hexdigest()
    else:
        path = rankings_file(source, run_folder)
        rows = list(read_rankings(path))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if not any(row.kind != "repeat" for row in rows):
            raise InputError(f"{path} holds no rankings to learn from")
    return Labels(_split(rows, method, seed), len(rows), digest)


def rankings_file(source: ProjectRankings | RankingsFile, run_folder: Path) -> Path:
    """Where the labels lie. Raises InputError for those of a project that nobody has put there."""
    if isinstance(source, RankingsFile):
        return run_folder / source.path
    path = run_folder / PROJECT_RANKINGS
    if not path.is_file():
        raise InputError(
            f"the labels of the project {source.slug} are not in {path}; start the run from the web, "
            "or export them as rankings and name the file (rankings.kind file)"
        )
    return path


def _split(rows: list[RankingRow], method: PreferenceMethod, seed: int) -> Rankings:
    rankings = split_rankings(rows, method.heldout_share, seed)
    if not rankings.train:
        raise InputError(
            f"all {len(rankings.heldout)} labels are held out, and none is left to learn from; "
            "lower heldout_share, or label more prompts"
        )
    return rankings
