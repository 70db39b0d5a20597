"""Puts into a run's folder what its trainer reads."""

import secrets
from pathlib import Path

from pydantic import ValidationError

from training.config import PROJECT_RANKINGS, ImportedProblems, PreferenceMethod, ProjectRankings, RunConfig
from webapp.core.errors import UserError
from webapp.datasets.models import ProblemSet
from webapp.datasets.services import export_problem_set
from webapp.labeling.training_labels import write_rankings
from webapp.runs.models import Run

CONFIG_FILE = "config.json"


def prepare_folder(run: Run) -> RunConfig:
    """Write the run's config, and make sure that its problem set stands as a file.

    Raises UserError or OSError when that cannot be.
    """
    try:
        config = RunConfig.model_validate(run.config)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "config"
        raise UserError(
            f"its config is not valid for this version of Espalier ({where}: {first['msg']}). Clone it instead."
        ) from error
    run.folder.mkdir(parents=True, exist_ok=True)
    _write(run.folder / CONFIG_FILE, config.model_dump_json(indent=2))
    if isinstance(config.problems, ImportedProblems):
        problem_set = ProblemSet.objects.filter(slug=config.problems.slug).first()
        if problem_set is None:
            raise UserError(f"the problem set {config.problems.slug!r} is gone")
        export_problem_set(problem_set)
    prepare_rankings(config, run.folder)
    return config


def prepare_rankings(config: RunConfig, folder: Path) -> None:
    """Write the labels of the config's labeling project, once: a resumed run goes on with the labels it began with.

    Raises UserError or OSError when that cannot be.
    """
    method, path = config.method, folder / PROJECT_RANKINGS
    if isinstance(method, PreferenceMethod) and isinstance(method.rankings, ProjectRankings) and not path.exists():
        write_rankings(method.rankings.slug, path)


def _write(path: Path, text: str) -> None:
    """All of it or nothing."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
