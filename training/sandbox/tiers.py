"""The kinds of isolation, strongest first, and what of the machine a call sees under each."""

import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from training.sandbox.setup import Setup

PACKAGES = ("numpy", "numpy.libs", "sympy", "mpmath")
"""What programs can import besides the standard library, with the libraries that come beside it."""
_SYSTEM = ("/usr/lib", "/usr/lib64", "/usr/bin", "/usr/share/zoneinfo", "/bin", "/lib", "/lib64", "/etc/ld.so.cache",
           "/etc/localtime")  # fmt: skip
_SEEN = "/packages"
_FIRST_INSIDE_USER = 1_000


@dataclass(frozen=True, slots=True)
class Tier:
    """A kind of isolation."""

    name: str
    namespaces: bool
    privileged: bool
    """Needs root to start."""
    needs: str
    """What the machine must offer, for the message when it does not."""


TIERS = (
    Tier("ns-root", True, True, "CAP_SYS_ADMIN (a container: --privileged, or start as an ordinary user)"),
    Tier("ns-user", True, False, "user namespaces for ordinary users (sysctl kernel.unprivileged_userns_clone=1; on "
         "Ubuntu an AppArmor profile that allows userns; a container: --security-opt seccomp=unconfined)"),
    Tier("ll-root", False, True, "Landlock (Linux 5.13 or newer with landlock in CONFIG_LSM), seccomp and CAP_SETUID"),
    Tier("ll-user", False, False, "Landlock (Linux 5.13 or newer with landlock in CONFIG_LSM) and seccomp"),
)  # fmt: skip
BY_NAME = {tier.name: tier for tier in TIERS}


def candidates() -> list[Tier]:
    """What this user may try, strongest first. As root only what takes root's power away: nothing runs as root."""
    is_root = os.geteuid() == 0
    return [tier for tier in TIERS if tier.privileged == is_root]


def interpreters() -> Iterator[str]:
    """Pythons that may run programs: the one under this one; else the system's, where the first lies in a folder that
    other users may not enter."""
    own = str(Path(sys.executable).resolve())
    yield own
    system = f"/usr/bin/python3.{sys.version_info.minor}"
    if Path(system).exists() and str(Path(system).resolve()) != own:
        yield system


def packages_folder() -> Path:
    """Where numpy is installed. Raises RuntimeError where it is not."""
    found = importlib.util.find_spec("numpy")
    if found is None or found.origin is None:
        raise RuntimeError("programs need numpy and sympy, which are not installed beside this package")
    return Path(found.origin).parents[1]


def setup_of(tier: Tier, python: str, slots: int, first_user: int = 0, become: int = 0) -> Setup:
    """What a zygote of this tier is told. `first_user`: of those it may use, one for each slot and one more."""
    packages = packages_folder()
    prefix = Path(python).resolve().parents[1]
    library = prefix / "lib" / f"python3.{sys.version_info.minor}"
    paths = [*_SYSTEM, str(prefix / "lib"), str(prefix / "bin")]
    binds = [(path, path) for path in dict.fromkeys(paths) if os.path.lexists(path)]
    # Whatever else is installed with the interpreter is no program's business, the project among it.
    binds += [("", str(library / name)) for name in ("site-packages", "dist-packages") if (library / name).is_dir()]
    seen = _SEEN if tier.namespaces else str(packages)
    binds += [(str(packages / name), f"{seen}/{name}") for name in PACKAGES if (packages / name).exists()]
    return Setup(
        namespaces=tier.namespaces,
        privileged=tier.privileged,
        binds=binds,
        packages=seen,
        hidden=str(project_folder()),
        first_user=_FIRST_INSIDE_USER if tier.namespaces else first_user,
        slots=slots + 1,  # the last is that of the proof
        become=become,
    )


def project_folder() -> Path:
    """The folder that this package is imported from."""
    return Path(__file__).resolve().parents[2]


def machine() -> str:
    """In words, for messages."""
    return f"{platform.system()} {platform.release()} on {platform.machine()}"
