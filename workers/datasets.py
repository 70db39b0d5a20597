"""Downloads problem sets of the Hugging Face hub for the import page."""

import logging
import os
import re
import time
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Any

from django.utils import timezone
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError comes from its HTTP library
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]  # typed as the module of that name

from training.reading import UnreadableFileError
from webapp.core.errors import UserError
from webapp.datasets.intake import file_entry, propose_plan
from webapp.datasets.models import Import, ImportState
from workers.app import app

log = logging.getLogger(__name__)

MAX_BYTES = 2 * 2**30
PARQUET_BRANCH = "refs/convert/parquet"
"""Where the hub keeps most sets as ``subset/split/0000.parquet``, whatever their own files look like."""

DATA_SUFFIXES = {".parquet", ".jsonl", ".json", ".csv", ".tsv"}
_SPLIT_WORD = re.compile(r"(?<![a-z])(train|test|validation|valid|val|dev)(?![a-z])")

UNFORESEEN = "The download failed for a reason that was not foreseen; the worker's log has it. Try again."

Files = dict[tuple[str, str], list[RepoFile]]
"""Files of each (subset, split)."""


class FetchError(Exception):
    """Why a set cannot be downloaded, in words for the user."""


class CancelledError(Exception):
    """The import was discarded meanwhile."""


@app.task(name="workers.datasets.fetch_import")  # type: ignore[untyped-decorator]
def fetch_import(import_id: int) -> None:
    """Download the files that ``Import.hub`` asks for and make the import ready, or say why not."""
    record = Import.objects.filter(pk=import_id, state=ImportState.FETCHING).first()
    if record is None:
        return
    try:
        record.files = _download(record)
        propose_plan(record)
    except CancelledError:
        log.info("import %s was discarded during its download", import_id)
    except Exception as error:
        message = _explain(error, record.hub)
        if message == UNFORESEEN:
            log.exception("import %s failed", import_id)
        Import.objects.filter(pk=record.pk).update(state=ImportState.FAILED, message=message)


def _explain(error: Exception, hub: dict[str, str]) -> str:
    """What went wrong and what to do. The order matters: the hub's errors derive from one another."""
    match error:
        case FetchError() | UserError() | UnreadableFileError():
            return str(error)
        case GatedRepoError():
            return f"{hub['name']} is gated: accept its terms on the hub, and set HF_TOKEN for the workers."
        case RepositoryNotFoundError():
            return f"The hub has no data set {hub['name']}, or it is private and HF_TOKEN is not set for the workers."
        case RevisionNotFoundError():
            return f"{hub['name']} has no revision {hub['revision'] or 'main'}."
        case HFValidationError():
            return f"{hub['name']} is no name on the hub: one looks like owner/name."
        case HfHubHTTPError():
            return f"The hub answered with an error: {error}"
        case OfflineModeIsEnabled() | LocalEntryNotFoundError() | HTTPError():
            return (
                "The Hugging Face hub cannot be reached from the workers (no network, or HF_HUB_OFFLINE is set). "
                "Download the set elsewhere and upload its file."
            )
        case OSError():
            return f"The files could not be stored: {error.strerror or error}."
    return UNFORESEEN


def _download(record: Import) -> list[dict[str, Any]]:
    """Entries for ``Import.files``."""
    hub = record.hub
    revision, available = _available(hub)
    wanted = {"main": _choose(available, hub["subset"], hub["split"] or "train", bool(hub["split"]))}
    if hub["heldout_split"]:
        wanted["heldout"] = _choose(available, hub["subset"], hub["heldout_split"], True)
    total = sum(file.size for files in wanted.values() for file in files)
    if total > MAX_BYTES:
        raise FetchError(f"These files have {total / 2**30:.1f} GiB; at most {MAX_BYTES >> 30} GiB are downloaded.")
    progress = _Progress.of(record, total)
    entries = [
        file_entry(record, _fetch(record, hub, revision, file, progress), file.path, role)
        for role, files in wanted.items()
        for file in files
    ]
    record.fetched_bytes = record.total_bytes = total
    return entries


def _available(hub: dict[str, str]) -> tuple[str, Files]:
    """The revision to read, and its files by subset and split."""
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    if not hub["revision"]:
        try:
            found = _listed(api, hub["name"], PARQUET_BRANCH)
            return PARQUET_BRANCH, _grouped(found, lambda path: (path.parts[0], path.parts[1].removeprefix("partial-")))
        except RevisionNotFoundError:
            pass
    revision = hub["revision"] or "main"
    return revision, _grouped(_listed(api, hub["name"], revision), _guess_place)


def _listed(api: HfApi, name: str, revision: str) -> list[RepoFile]:
    tree = api.list_repo_tree(name, repo_type="dataset", revision=revision, recursive=True)
    return [entry for entry in tree if isinstance(entry, RepoFile)]


def _grouped(files: list[RepoFile], place: Any) -> Files:
    groups: Files = defaultdict(list)
    for file in files:
        path = PurePosixPath(file.path)
        if path.suffix in DATA_SUFFIXES and len(path.parts) > (place is not _guess_place) * 2:
            groups[place(path)].append(file)
    return groups


def _guess_place(path: PurePosixPath) -> tuple[str, str]:
    """Subset and split of a file as its author named it: ``main/train-00000-of-00001.parquet`` → main, train."""
    found = _SPLIT_WORD.findall(path.as_posix().lower())
    folder = path.parts[0] if len(path.parts) > 1 else "data"
    return ("default" if folder == "data" or _SPLIT_WORD.search(folder) else folder), found[-1] if found else "train"


def _choose(available: Files, subset: str, split: str, split_was_asked: bool) -> list[RepoFile]:
    """The files of one subset and split. Raises FetchError that lists what there is."""
    subsets = sorted({each for each, _ in available})
    if not subsets:
        raise FetchError("The set has no Parquet, JSON or CSV files. Download and convert it, then upload its file.")
    if not subset:
        usual = [each for each in ("default", "main") if each in subsets]
        subset = usual[0] if usual else subsets[0] if len(subsets) == 1 else ""
    if subset not in subsets:
        raise FetchError(f"Choose a subset: the set has {', '.join(subsets)}.")
    splits = sorted(each_split for each, each_split in available if each == subset)
    if not split_was_asked and len(splits) == 1:
        split = splits[0]
    if split not in splits:
        raise FetchError(f"Choose a split: subset {subset} has {', '.join(splits)}.")
    return sorted(available[subset, split], key=lambda file: file.path)


def _fetch(record: Import, hub: dict[str, str], revision: str, file: RepoFile, progress: type["_Progress"]) -> Path:
    folder = record.folder / "hub"
    folder.mkdir(parents=True, exist_ok=True)
    path = hf_hub_download(
        hub["name"],
        file.path,
        repo_type="dataset",
        revision=revision,
        local_dir=folder,
        endpoint=os.environ.get("HF_ENDPOINT"),
        tqdm_class=progress,
    )
    return Path(path)


class _Progress(tqdm):
    """Counts the bytes of all files into the import's row, once a second. Raises CancelledError when that is gone."""

    record_id = 0
    total_bytes = 0
    fetched = 0
    told_at = float("-inf")

    @classmethod
    def of(cls, record: Import, total: int) -> type["_Progress"]:
        """A class of its own for one import, as the hub makes an instance for each file."""
        return type("Progress", (cls,), {"record_id": record.pk, "total_bytes": total})

    def update(self, n: float | None = 1) -> bool | None:
        shared = type(self)
        shared.fetched += int(n or 0)
        if time.monotonic() - shared.told_at > 1:
            shared.told_at = time.monotonic()
            waiting = Import.objects.filter(pk=self.record_id, state=ImportState.FETCHING)
            figures = {"fetched_bytes": shared.fetched, "total_bytes": self.total_bytes, "heartbeat_at": timezone.now()}
            if not waiting.update(**figures):
                raise CancelledError
        return bool(super().update(n))
