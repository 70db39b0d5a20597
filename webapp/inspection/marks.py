"""Names of tokens that have no text of their own, such as turn marks, read off the tokenizer beside a run's weights."""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from training.builtin import MODEL_DIRS
from webapp.runs.models import Run

FILE = "tokenizer.json"
MOST_BYTES = 64 * 2**20


def mark_names(run: Run) -> Mapping[int, str]:
    """Names by token id; none where no tokenizer of the run can be read any more."""
    for folder in _folders(run):
        path = folder / FILE
        try:
            state = path.stat()
        except OSError:
            continue
        if state.st_size <= MOST_BYTES:
            return _read(str(path), state.st_mtime_ns)
    return {}


def _folders(run: Run) -> list[Path]:
    """Where its tokenizer may stand: its newest checkpoint, and the model it began from."""
    newest = run.checkpoints.filter(removed_at=None).last()
    model = run.config.get("model", {})
    folders = [newest.folder] if newest else []
    if model.get("kind", "builtin") == "builtin":
        folders.append(MODEL_DIRS.get(model.get("variant", ""), MODEL_DIRS["arithmetic"]))
    elif model.get("kind") == "local":
        folders.append(Path(str(model.get("path", ""))))
    return folders


@lru_cache(maxsize=8)
def _read(path: str, changed: int) -> Mapping[int, str]:
    try:
        added = json.loads(Path(path).read_bytes())["added_tokens"]
        return {int(token["id"]): str(token["content"]) for token in added}
    except (OSError, ValueError, TypeError, KeyError):
        return {}
