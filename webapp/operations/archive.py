"""The file of a backup: a tar with a head, a copy of the database, files of the data folder, and an end that lists all.

    backup.json        what this is, and which version's tables it holds
    database.sql.gz
    files/…            as in the data folder
    end.json           size and SHA-256 of each member before it

A file without its end was never finished; one whose sums differ is damaged. Both are refused before anything changes.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

HEAD, DATABASE, FILES, END = "backup.json", "database.sql.gz", "files/", "end.json"
FORMAT = "espalier-backup"
VERSION = 1
CHUNK = 1 << 20


class NoBackup(Exception):  # noqa: N818  # a reason, in words for the user
    """Why a file cannot be restored from."""


class Head(BaseModel):
    """What a backup says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str = FORMAT
    version: int = VERSION
    created_at: str
    """ISO 8601, UTC."""
    migrations: list[str]
    """``app.name`` of those applied to its tables."""
    folders: list[str]
    """Folders of the data folder that it holds, empty ones too."""
    checkpoints: bool


class Writer:
    """Adds members to a new archive."""

    def __init__(self, file: IO[bytes], head: Head) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w", dereference=True)  # noqa: SIM115
        self._sums: dict[str, list[int | str]] = {}
        self._add_bytes(HEAD, head.model_dump_json(indent=2).encode())

    def add(self, name: str, path: Path) -> None:
        """A file as long as it is now: what is appended meanwhile is left out. One that is gone by now is left out."""
        try:
            with path.open("rb") as file:
                info = self._tar.gettarinfo(arcname=name, fileobj=file)
                digest = _Digest(file)
                self._tar.addfile(info, digest)
                self._sums[name] = [info.size, digest.sum]
        except FileNotFoundError:
            return

    def finish(self) -> None:
        """Write the end."""
        self._add_bytes(END, json.dumps(self._sums).encode())
        self._tar.close()

    def _add_bytes(self, name: str, content: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        info.mode = 0o600
        self._tar.addfile(info, io.BytesIO(content))
        self._sums[name] = [len(content), hashlib.sha256(content).hexdigest()]


class _Digest:
    """Reads on while it sums up."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    @property
    def sum(self) -> str:
        return self._hash.hexdigest()

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self._hash.update(content)
        return content


class Reader:
    """A whole and undamaged archive; `opened` makes sure of that."""

    def __init__(self, tar: tarfile.TarFile, head: Head) -> None:
        self._tar = tar
        self.head = head

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator[Self]:
        """Reads it once from end to end. Raises NoBackup."""
        if not path.is_file():
            raise NoBackup(f"There is no file {path}.")
        with path.open("rb") as file:
            try:
                tar = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115
                head = _checked(tar, path)
            except (tarfile.TarError, EOFError) as error:
                raise NoBackup(f"{path} is not whole, or no backup at all ({error}).") from error
            yield cls(tar, head)

    def database(self) -> IO[bytes]:
        """Its compressed SQL."""
        return _content(self._tar, self._tar.getmember(DATABASE))

    def extract_files(self, into: Path) -> None:
        """Write its files below this folder."""
        for member in self._tar:
            if member.name.startswith(FILES):
                target = into / member.name.removeprefix(FILES)
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file, _content(self._tar, member) as content:
                    while chunk := content.read(CHUNK):
                        file.write(chunk)


def _checked(tar: tarfile.TarFile, path: Path) -> Head:
    """The head, after all sums were found right."""
    first = tar.next()
    if first is None or first.name != HEAD:
        raise NoBackup(f"{path} is no backup of Espalier.")
    head = _head(_content(tar, first).read(), path)
    sums: dict[str, list[Any]] = {}
    for member in tar:
        if not member.isreg() or not _is_inside(member.name):
            raise NoBackup(f"{path} holds {member.name!r}, which no backup does.")
        if member.name == END:
            told = json.loads(_content(tar, member).read())
            wrong = sorted(name for name in told.keys() | sums.keys() if told.get(name) != sums.get(name))
            if wrong or DATABASE not in sums:
                raise NoBackup(f"{path} is damaged: {', '.join(wrong[:3]) or DATABASE} is not what was written.")
            return head
        sums[member.name] = [member.size, _sum(tar, member)]
    raise NoBackup(f"{path} is not whole: its end is missing, so it was never finished.")


def _head(content: bytes, path: Path) -> Head:
    try:
        head = Head.model_validate_json(content)
    except ValidationError as error:
        raise NoBackup(f"{path} is no backup of Espalier.") from error
    if head.format != FORMAT or head.version != VERSION:
        raise NoBackup(f"{path} has version {head.version} of its format; this Espalier reads version {VERSION}.")
    return head


def _is_inside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return not name.startswith("/") and ".." not in parts and (name in {HEAD, DATABASE, END} or name.startswith(FILES))


def _sum(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    digest = hashlib.sha256()
    with _content(tar, member) as content:
        while chunk := content.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    if content is None:
        raise NoBackup(f"{member.name} is no file.")
    return content
