#!/usr/bin/env python
"""Django's command line: ``python manage.py up`` starts the whole product, ``help`` lists the rest."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036  # says so instead of stumbling over newer syntax
    sys.exit("Espalier needs Python 3.11 or newer; this is {}.{}.".format(*sys.version_info[:2]))


def main() -> None:
    """Run one command. What the environment says wrong is one sentence, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
        from django.db import OperationalError
    except ImportError as error:
        sys.exit(f"{error}: install the requirements first, most simply with: make run")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"error: {error}")
    except OperationalError as error:
        sys.exit(f"error: the database does not answer; is `make run` running?\n{error}")


if __name__ == "__main__":
    main()
