"""What gunicorn's processes share: the folder in which they count requests for `/metrics`.

``gunicorn webapp.wsgi --config python:webapp.serving``. The head process makes the folder before it starts the others,
which count into files of their own there; a scrape adds these up, those of processes that ended included.
"""

import os
import shutil
import tempfile
from typing import Any

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_made: list[str] = []


def on_starting(server: Any) -> None:
    """Before the first worker; a folder of one's own is left alone."""
    if not os.environ.get(_VARIABLE):
        _made.append(tempfile.mkdtemp(prefix="espalier-metrics-"))
        os.environ[_VARIABLE] = _made[0]


def on_exit(server: Any) -> None:
    """Of the head process alone."""
    for folder in _made:
        shutil.rmtree(folder, ignore_errors=True)
