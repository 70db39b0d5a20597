"""An environment that holds what pyproject.toml asks for and no more, made in a second from the one that tests run in.

Installed distributions are linked, not copied: those that the project requires, with or without extras, those that
these require, and so on. A package that is there only because torch brought it is therefore missing.
"""

import re
import sys
import tomllib
import venv
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def requirements(*extras: str) -> Iterator[Requirement]:
    """What pyproject.toml names, with these extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    yield from map(Requirement, lines)


def closure(*extras: str) -> set[str]:
    """Normalised names of all distributions that these requirements lead to on this machine."""
    found: set[str] = set()
    waiting = list(requirements(*extras))
    while waiting:
        requirement = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        name = normalised(requirement.name)
        if name in found and not requirement.extras:
            continue
        found.add(name)
        chosen = {"", *requirement.extras}
        for further in map(Requirement, distribution(name).requires or ()):
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in chosen):
                further.marker = None
                waiting.append(further)
    return found


def normalised(name: str) -> str:
    """As package indexes compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def link_environment(folder: Path, *extras: str) -> Path:
    """Make it in ``folder``; returns its interpreter. Raises PackageNotFoundError for what is missing."""
    venv.create(folder, with_pip=False, symlinks=True)
    packages = folder / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"
    for name in closure(*extras):
        installed = distribution(name)
        tops = {Path(str(file)).parts[0] for file in installed.files or () if ".." not in Path(str(file)).parts}
        for top in tops - {"__pycache__"}:
            target = packages / top
            if not target.exists():
                target.symlink_to(Path(str(installed.locate_file(top))).resolve())
    return folder / "bin" / "python"
