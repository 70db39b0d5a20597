"""Looks before the leap: samples a few prompts with a config's model, for the page that is about to launch it.

Asked and answered through a folder: the web writes ``config.json`` into ``PREFLIGHTS_DIR/<key>``, and finds
``report.json`` or ``error.txt`` there afterwards. Nothing of it is worth a row.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from uuid import UUID

from django.conf import settings
from pydantic import ValidationError

from training.config import RunConfig
from webapp.core.errors import UserError
from webapp.core.processes import die_with
from workers import failure
from workers.app import app
from workers.preparation import prepare_rankings
from workers.process import end_family, trainer_environment

LIMIT_S = 600
LOG_FILE = "log.txt"


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
    command = [sys.executable, "-m", "training", "preflight", str(folder / "config.json"), "--out", str(report)]
    with (folder / LOG_FILE).open("wb") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=trainer_environment(folder, settings.ESPALIER_DATA),
            start_new_session=True,
            preexec_fn=partial(die_with, os.getpid(), signal.SIGKILL),
        )
    try:
        code = child.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        return f"It took longer than {LIMIT_S // 60} minutes and was given up."
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        end_family(folder)
    if code:
        return failure.explain(code, folder / LOG_FILE, 0, out_of_memory=False)
    report.rename(folder / "report.json")
    return ""
