"""Removes what a generation kept on disk."""

import shutil
from functools import partial
from typing import Any

from django.db import transaction

from webapp.labeling.generation.job import GenerationJob


def on_deleted(instance: GenerationJob, **_: Any) -> None:
    """Once the deletion stands; a worker that still writes there removes the rest when it notices."""
    transaction.on_commit(partial(shutil.rmtree, instance.folder, ignore_errors=True))
