"""Loads every module of the web and the workers, and what they load when first used: proof that all is there.

Python writes the bytecode of our own just then, so that a container starts quickly.
"""

import importlib
import os
import pkgutil
import sys
import tempfile
from pathlib import Path

LATER = (
    "arro3.io", "choix", "krippendorff", "math_verify", "scipy.sparse.csgraph", "scipy.special", "scipy.stats",
    "scipy.stats.contingency", "sympy", "trueskill",
    "gunicorn.app.wsgiapp", "gunicorn.workers.gthread", "celery.bin.celery", "celery.apps.worker",
    "celery.concurrency.prefork", "kombu.transport.redis", "psycopg_pool", "django.core.management.commands.migrate",
)  # fmt: skip
ROOTS = ("webapp", "workers", "training.config", "training.events", "training.reading", "training.rewards")


def main() -> None:
    sys.dont_write_bytecode = False
    sys.path.insert(0, str(Path.cwd()))
    with tempfile.TemporaryDirectory() as data:
        os.environ.update(ESPALIER_DATA=data, DJANGO_SETTINGS_MODULE="webapp.settings")
        importlib.import_module("django").setup()
        names = ["webapp.wsgi", *LATER]
        for root in ROOTS:
            package = importlib.import_module(root)
            names += [each.name for each in pkgutil.walk_packages(package.__path__, root + ".")]
        for name in names:
            if not name.endswith("__main__"):
                importlib.import_module(name)
    print(f"{len(names)} modules load")


if __name__ == "__main__":
    main()
