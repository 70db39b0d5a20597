"""Addresses and secrets of the embedded servers."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from webapp.core.embedded import SOCKET_PATH_LIMIT, Embedded


def test_every_process_agrees_on_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: Embedded(tmp_path / "data").secret_key(), range(32)))
    assert len(keys) == 1
    assert len(keys.pop()) > 50
    assert (tmp_path / "data" / "secret-key").stat().st_mode & 0o777 == 0o600


def test_a_long_data_folder_gets_its_socket_under_a_short_name(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    assert len(str(Embedded(deep).redis_socket)) <= SOCKET_PATH_LIMIT
    assert Embedded(deep).redis_socket != Embedded(tmp_path / ("y" * 120)).redis_socket


def test_the_database_address_follows_the_running_server(tmp_path: Path) -> None:
    embedded = Embedded(tmp_path)
    assert embedded.database_url.endswith(f"host={tmp_path / 'postgres'}")
    embedded.postgres_dir.mkdir()
    (embedded.postgres_dir / "postmaster.pid").write_text("1\n/data\n2\n5432\n/short/socket\n\n0 0\nready\n")
    assert embedded.database_url.endswith("host=/short/socket")
