"""Which isolation is chosen where, and that there is none without proof: as a user would find it, from a shell."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.training.sandbox.situations import ORDINARY_USER, SYSTEM_PYTHON, run_apart
from training.sandbox import pool as pools
from training.sandbox.client import LocalSandbox
from training.sandbox.pool import Pool
from training.sandbox.setup import Setup
from training.sandbox.tiers import BY_NAME, packages_folder, project_folder
from training.sandbox.types import SandboxRefusedError

pytestmark = pytest.mark.processes

IS_ROOT = os.geteuid() == 0
CAGE = str(Path(__file__).with_name("cage.py"))
MODULE = ["-m", "training.sandbox"]
needs_root = pytest.mark.skipif(not IS_ROOT, reason="becomes other users")


@pytest.fixture(scope="module")
def environment() -> Iterator[Path]:
    """A Python that every user may run, with what programs need: the tests' own may lie where root alone may go."""
    with tempfile.TemporaryDirectory(prefix="sandbox-tests-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        packages = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
        packages.mkdir(parents=True)
        (packages / "found.pth").write_text(f"{packages_folder()}\n")
        (folder / "bin").mkdir()
        own = Path(sys.executable).resolve()
        (folder / "bin" / "python").symlink_to(SYSTEM_PYTHON if IS_ROOT else own)
        (folder / "pyvenv.cfg").write_text(f"home = {Path(SYSTEM_PYTHON).parent if IS_ROOT else own.parent}\n")
        yield folder


def _shell(*command: str, stdin: str = "", user: int = 0) -> "subprocess.CompletedProcess[str]":
    become: dict[str, Any] = {"user": user, "group": user, "extra_groups": []} if user else {}
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=120, cwd=project_folder(), **become
    )


def test_the_strongest_is_chosen(environment: Path) -> None:
    found = _shell(sys.executable, *MODULE, "check")
    assert found.returncode == 0, found.stderr
    assert ("ns-root" if IS_ROOT else "ns-user") in found.stdout


@needs_root
def test_an_ordinary_user_gets_namespaces_and_runs_files(environment: Path, tmp_path: Path) -> None:
    file = environment / "program.py"
    file.write_text(
        "import os, numpy\nprint(int(input()) * 2, os.getuid() not in (0,))\nnumpy.arange(3).sum()\nraise SystemExit(4)"
    )
    found = _shell(str(environment / "bin/python"), *MODULE, "run", str(file), stdin="21\n", user=ORDINARY_USER)
    assert (found.returncode, found.stdout) == (4, "42 True\n"), found.stderr


@needs_root
@pytest.mark.parametrize(("user", "tier"), [(0, "ll-root"), (ORDINARY_USER, "ll-user")])
def test_a_container_with_the_usual_profile_gets_landlock(environment: Path, user: int, tier: str) -> None:
    python = str(environment / "bin/python")
    found = _shell(python, CAGE, python, *MODULE, "check", user=user)
    assert found.returncode == 0, found.stderr
    assert tier in found.stdout


@needs_root
@pytest.mark.parametrize("user", [0, ORDINARY_USER])
def test_without_namespaces_and_landlock_nothing_runs(environment: Path, user: int) -> None:
    python = str(environment / "bin/python")
    file = environment / "program.py"
    file.write_text("print('ran')")
    found = _shell(python, CAGE, "--no-landlock", python, *MODULE, "run", str(file), user=user)
    assert (found.returncode, found.stdout) == (1, "")
    for word in (
        "no isolation could be proven",
        "unshare",
        "Landlock (Linux 5.13",
        "kernel has no Landlock",
        "--privileged" if not user else "sysctl",
    ):
        assert word in found.stderr, found.stderr


@needs_root
def test_a_tier_that_cannot_be_had_is_refused_and_named() -> None:
    with pytest.raises(SandboxRefusedError, match=r"ns-root with .*CAP_SYS_ADMIN"):
        LocalSandbox(tiers=("ns-root",), become=ORDINARY_USER, pythons=(SYSTEM_PYTHON,))


def _refusal(monkeypatch: pytest.MonkeyPatch, tier: str, **weaker: Any) -> str:
    """Why a sandbox is refused whose zygotes are set up in another way than they should."""
    right = pools.setup_of

    def wrong(*arguments: Any) -> Setup:
        setup = right(*arguments)
        return replace(setup, **{name: change(getattr(setup, name)) for name, change in weaker.items()})

    monkeypatch.setattr(pools, "setup_of", wrong)
    pythons = [SYSTEM_PYTHON] if IS_ROOT else None

    async def start() -> None:
        pool = Pool(zygotes=1, tiers=[BY_NAME[tier]], pythons=pythons, become=ORDINARY_USER if IS_ROOT else 0)
        try:
            await pool.start()
        finally:
            await pool.close()

    with pytest.raises(SandboxRefusedError) as refused:
        run_apart(start())
    return str(refused.value)


@pytest.mark.parametrize("tier", ["ns-user", "ll-user"])
def test_a_hole_in_the_file_system_is_found_by_the_proof(monkeypatch: pytest.MonkeyPatch, tier: str) -> None:
    # Not /tmp, over which each call has its own.
    monkeypatch.setattr(tempfile, "tempdir", "/var/tmp")
    said = _refusal(monkeypatch, tier, binds=lambda binds: [*binds, ("/var/tmp", "/var/tmp")])
    assert "not so: files are hidden" in said
    assert "not so: folders are hidden" in said


def test_older_landlock_is_proven_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What older rules leave open, the filter closes."""
    right = pools.setup_of
    monkeypatch.setattr(pools, "setup_of", lambda *arguments: replace(right(*arguments), newest_landlock=1))

    async def start() -> str:
        pool = Pool(
            zygotes=1,
            tiers=[BY_NAME["ll-user"]],
            pythons=[SYSTEM_PYTHON] if IS_ROOT else None,
            become=ORDINARY_USER * IS_ROOT,
        )
        try:
            await pool.start()
            return pool.tier
        finally:
            await pool.close()

    assert run_apart(start()) == "ll-user"
