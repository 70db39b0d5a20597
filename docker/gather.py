"""Gathers of Debian and Python what an image needs at run time: an image made of that alone holds nothing to delete.

Python comes without what needs a display, installs packages or tests Python, as bytecode like other libraries (see
`trim.py`); of Debian come the libraries that anything loads, certificates, time zones, and programs for a person with a
shell.

python docker/gather.py ROOT FOLDER...      FOLDER: what else the image holds, and whose libraries are wanted
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from trim import strip, without_sources

UNUSED = (
    "site-packages", "test", "tests", "idle_test", "idlelib", "tkinter", "turtle.py", "turtledemo", "ensurepip",
    "lib2to3", "pydoc_data", "config-*", "__pycache__", "*.a", "_tkinter.*", "_test*.so", "_ctypes_test.*",
    "_xxtestfuzz.*", "xxlimited*.so", "nis.*.so", "ossaudiodev.*.so",
)  # fmt: skip
PROGRAMS = (
    "sh", "cat", "chmod", "cp", "date", "df", "du", "env", "find", "grep", "gzip", "head", "id", "ls", "mkdir", "mv",
    "rm", "sed", "sleep", "sort", "tail", "tar", "touch", "wc",
)  # fmt: skip
FILES = (
    "/etc/ssl", "/usr/lib/ssl", "/usr/share/ca-certificates", "/usr/share/zoneinfo", "/usr/lib/locale/C.utf8",
    "/etc/nsswitch.conf", "/etc/services", "/etc/protocols", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
    "/etc/debian_version", "/usr/lib/os-release", "/etc/os-release", "/lib/terminfo",
)  # fmt: skip
LOADED_BY_NAME = "libgcc_s.so.1", "libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"
"""Libraries that glibc loads when it needs them."""
USERS = "root:x:0:0:root:/root:/bin/sh\nespalier:x:1000:1000::/tmp:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
GROUPS = "root:x:0:\nespalier:x:1000:\nnogroup:x:65534:\n"
PREFIX = Path(sys.base_prefix)
EMPTY = "dev", "etc", "proc", "root", "run", "sys", "var/tmp"


class Root:
    """The root directory that is made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if self.inside(PREFIX).resolve() == PREFIX.resolve():
            raise SystemExit(f"{folder} is the root directory of this machine, whose Python is not to be changed.")
        for name in EMPTY:
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name in ("tmp", "var/tmp"):
            (folder / name).mkdir(exist_ok=True)
            (folder / name).chmod(0o1777)
        for name in ("bin", "sbin", "lib", "lib64"):
            if Path("/", name).is_symlink():
                (folder / name).symlink_to(Path("/", name).readlink())
        (folder / "etc/passwd").write_text(USERS)
        (folder / "etc/group").write_text(GROUPS)

    def inside(self, path: Path) -> Path:
        """Where a path of this machine lies in it; folders on the way are the real ones, not links to them."""
        return self.folder / (path.parent.resolve() / path.name).relative_to("/")

    def put(self, path: Path, ignore: Iterable[str] = ()) -> None:
        """A file or folder, and what it links to."""
        target = self.inside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            if not target.is_symlink():
                target.symlink_to(path.readlink())
                if path.exists():
                    self.put(path.parent / path.readlink())
        elif path.is_dir():
            shutil.copytree(path, target, symlinks=True, ignore=shutil.ignore_patterns(*ignore), dirs_exist_ok=True)
        elif not target.exists():
            shutil.copy2(path, target)


def put_python(root: Root) -> None:
    """Interpreter and standard library, where they lie on this machine."""
    version = "python{}.{}".format(*sys.version_info)
    for name in ("python", "python3", version):
        root.put(PREFIX / "bin" / name)
    library = PREFIX / "lib" / version
    root.put(library, UNUSED)
    without_sources(root.inside(library), seen_from=root.folder)
    (root.inside(library) / "site-packages").mkdir()


def programs(folders: Iterable[Path]) -> Iterator[Path]:
    """All files that the kernel or the loader loads."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    if file.read(4) == b"\x7fELF":
                        yield path


def libraries(loaded: list[Path]) -> set[Path]:
    """The paths of all that these load. Raises SystemExit where one is not there.

    Those that a package brings itself are found by whatever loads them first, so `ldd` may miss them.
    """
    told = subprocess.run(["ldd", *loaded], capture_output=True, text=True, check=False).stdout
    lacking = set(re.findall(r"^\s+(\S+) => not found", told, re.MULTILINE)) - {path.name for path in loaded}
    if lacking:
        raise SystemExit(f"Libraries are missing: {', '.join(sorted(lacking))}")
    return {Path(path) for path in re.findall(r"^\s+(?:\S+ => )?(/\S+) \(0x", told, re.MULTILINE)}


def main(folder: Path, others: list[Path]) -> None:
    root = Root(folder)
    put_python(root)
    for name in PROGRAMS:
        found = shutil.which(name, path="/usr/bin:/bin")
        if found is None:
            raise SystemExit(f"There is no {name} here.")
        root.put(Path(found))
    for path in map(Path, FILES):
        if path.exists():
            root.put(path, ("posix", "right", "private"))
    wanted = libraries([*programs([folder, *others])])
    for name in LOADED_BY_NAME:
        wanted |= set(Path("/usr/lib").glob(f"*-linux-gnu*/{name}"))
    for path in sorted(wanted):
        if not any(path.is_relative_to(each) for each in (folder, *others)):
            root.put(path)
    strip(root.inside(PREFIX))
    subprocess.run(["ldconfig", "-r", folder], check=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(each).resolve() for each in sys.argv[2:]])
