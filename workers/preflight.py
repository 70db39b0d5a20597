"""Looks before the leap: samples a few prompts with a config's model, for the page that is about to launch it.

Asked and answered through a folder: the web writes ``config.json`` into ``PREFLIGHTS_DIR/<key>``, and finds
``report.json`` or ``error.txt`` there afterwards. Nothing of it is worth a row.
"""

from contextlib import suppress
from pathlib import Path
from uuid import UUID

from django.conf import settings
from pydantic import ValidationError

from training.config import RunConfig
from webapp.core.errors import UserError
from workers.app import app
from workers.asking import ask
from workers.preparation import prepare_rankings


@app.task(name="workers.preflight.preflight")  # type: ignore[untyped-decorator]
def preflight(key: str) -> None:
    """Answer the question in the folder of this key."""
    folder = Path(settings.PREFLIGHTS_DIR) / str(UUID(key))
    if folder.is_dir() and not (folder / "report.json").exists():
        error = _look(folder)
        if error:
            (folder / "error.txt").write_text(error, encoding="utf-8")


def _look(folder: Path) -> str:
    """Write the report; returns why it could not be, or nothing."""
    with suppress(ValidationError):  # the trainer says what is wrong with a config
        config = RunConfig.model_validate_json((folder / "config.json").read_bytes())
        try:
            prepare_rankings(config, folder)
        except (UserError, OSError) as error:
            return str(error)
    report = folder / "report.draft"
    failed = ask(folder, ["preflight", str(folder / "config.json"), "--out", str(report)])
    if not failed:
        report.rename(folder / "report.json")
    return failed
