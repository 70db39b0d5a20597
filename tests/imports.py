"""`python -m tests.imports` loads every module of the project, once and in one process.

What cannot be loaded is told in seconds. And what the project needs of its requirements is byte-compiled on the way,
where they were installed without that: else each of the tests' processes would compile it for itself.
"""

import importlib
import os
import pkgutil
import sys
import warnings

ALSO = ("transformers.models.qwen2.modeling_qwen2", "hypothesis", "playwright.sync_api", "xdist.plugin")
"""What only runs and tests load."""


def main() -> int:
    """Print how many there are; the exit code is 0 when all of them were loaded."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    os.environ.setdefault("SECRET_KEY", "imports")  # none is made in the data folder
    warnings.simplefilter("ignore")
    import django

    django.setup()
    names = [
        module.name
        for root in ("webapp", "workers", "training")
        for module in pkgutil.walk_packages(importlib.import_module(root).__path__, f"{root}.")
        if not module.name.endswith("__main__")
    ]
    for name in (*names, *ALSO):
        importlib.import_module(name)
    print(f"modules: all {len(names)} load")
    return 0


if __name__ == "__main__":
    sys.exit(main())
