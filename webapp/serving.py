"""What gunicorn's processes share: the application, and the folder in which they count requests for `/metrics`.

``gunicorn webapp.wsgi --config python:webapp.serving``. The head process loads everything that pages need before it
starts the others, which are copies of it: their first request is as quick as any later one, and they share the memory.
It also makes the folder, into which they count in files of their own; a scrape adds these up, those of processes that
ended included.
"""

import gc
import os
import shutil
import tempfile
from typing import Any

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_made: list[str] = []


def on_starting(server: Any) -> None:
    """Before the first worker, and before connections are taken. A folder of one's own is left alone."""
    if not os.environ.get(_VARIABLE):
        _made.append(tempfile.mkdtemp(prefix="espalier-metrics-"))
        os.environ[_VARIABLE] = _made[0]
    server.app.wsgi()  # after the folder is known: the counters are made for it as they are loaded
    from webapp.core.warming import warm_up

    warm_up()
    gc.collect()
    gc.freeze()  # what the processes share stays shared only while nobody writes to it, as the collector would


def on_exit(server: Any) -> None:
    """Of the head process alone."""
    for folder in _made:
        shutil.rmtree(folder, ignore_errors=True)
