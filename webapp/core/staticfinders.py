"""Serves plotly.min.js from the plotly wheel: no copy in the repository, no address elsewhere."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import plotly
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage, Storage

PLOTLY_NAME = "vendor/plotly.min.js"
PLOTLY_FILE = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


class PlotlyFinder(BaseFinder):
    """Knows exactly one file."""

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        found = [str(PLOTLY_FILE)] if path == PLOTLY_NAME else []
        return found if find_all else (found[0] if found else [])

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        storage = FileSystemStorage(location=PLOTLY_FILE.parent)
        storage.prefix = "vendor"  # type: ignore[attr-defined]  # read by collectstatic
        yield PLOTLY_FILE.name, storage
