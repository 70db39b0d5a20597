"""Where the embedded PostgreSQL and Redis live: addresses derived from the data folder, so that every process agrees.

Settings import this module, so it reads none. ``manage.py up`` starts the servers.
"""

import hashlib
import secrets
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

SOCKET_PATH_LIMIT = 90
"""The address of a Unix socket must stay under about 104 bytes."""


class Embedded:
    """Paths and addresses of the servers that ``up`` runs for one data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data.resolve()

    @property
    def postgres_dir(self) -> Path:
        return self.data / "postgres"

    @property
    def database_url(self) -> str:
        """Where PostgreSQL listens: it says so itself in ``postmaster.pid`` (fifth line) while it runs."""
        try:
            socket_dir = (self.postgres_dir / "postmaster.pid").read_text().splitlines()[4]
        except (OSError, IndexError):
            socket_dir = str(self.postgres_dir)
        return f"postgresql://postgres@/espalier?host={socket_dir}"

    @property
    def redis_dir(self) -> Path:
        return self.data / "redis"

    @property
    def run_dir(self) -> Path:
        """For sockets and locks: in the data folder, or under a short name elsewhere when its paths are too long."""
        if len(str(self.postgres_dir / ".s.PGSQL.5432")) <= SOCKET_PATH_LIMIT:
            return self.data / "run"
        name = hashlib.sha256(str(self.data).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"espalier-{name}"

    @property
    def redis_socket(self) -> Path:
        return self.run_dir / "redis.sock"

    @property
    def broker_url(self) -> str:
        return f"redis+socket://{self.redis_socket}"

    def secret_key(self) -> str:
        """The data folder's own secret, made on first use and readable by its owner only.

        Raises ImproperlyConfigured when the folder cannot be written or read.
        """
        try:
            return self._secret_key(self.data / "secret-key")
        except OSError as error:
            raise ImproperlyConfigured(
                f"The data folder {self.data} cannot be used ({error.strerror}). Make it writable with room on its "
                "disk, or choose another with ESPALIER_DATA=/path/to/folder."
            ) from error

    def _secret_key(self, file: Path) -> str:
        if not file.exists():
            self.data.mkdir(parents=True, exist_ok=True)
            draft = file.with_name(f"secret-key.{secrets.token_hex(4)}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_urlsafe(50))
            try:
                file.hardlink_to(draft)  # fails if another process came first: then its key counts
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return file.read_text()
