"""Loads what the pages need before the first of them is asked for: addresses with their views, and all templates.

For web servers alone: commands and tests load what they use when they use it.
"""

import logging
from pathlib import Path

from django.db import connections
from django.template import TemplateDoesNotExist, TemplateSyntaxError, engines
from django.template.backends.django import DjangoTemplates
from django.urls import reverse

logger = logging.getLogger(__name__)


def warm_up() -> None:
    """Leaves no connection open: the process may be copied afterwards."""
    reverse("home")
    for engine in engines.all():
        if isinstance(engine, DjangoTemplates):
            _compile(engine)
    connections.close_all()


def _compile(engine: DjangoTemplates) -> None:
    """The templates of the engine's own folders. A faulty one is said to be so, and fails where it is used."""
    for folder in map(Path, engine.engine.dirs):
        for path in sorted(folder.rglob("*.html")):
            try:
                engine.get_template(path.relative_to(folder).as_posix())
            except (TemplateDoesNotExist, TemplateSyntaxError) as error:
                logger.error("%s does not compile: %s", path, error)
