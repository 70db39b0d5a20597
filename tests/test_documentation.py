"""The README tells the truth, and every module says what it is for."""

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
MODULES = [
    path
    for folder in ("training", "webapp", "workers", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "migrations" not in path.parts
]
MOST_LINES = 400


def test_every_module_says_what_it_is_for_and_stays_short() -> None:
    sources = {str(path.relative_to(ROOT)): path.read_text() for path in MODULES}
    assert len(sources) > 1000
    assert [name for name, source in sources.items() if not ast.get_docstring(ast.parse(source))] == []
    assert [name for name, source in sources.items() if source.count("\n") > MOST_LINES] == []


def test_every_make_target_of_the_readme_exists() -> None:
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", README))
    assert named
    assert named <= set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def test_every_variable_of_the_readme_is_read_somewhere() -> None:
    named = re.findall(r"^\| `([A-Z_]+)` \|", README, re.MULTILINE)
    assert named
    code = MAKEFILE + "".join(path.read_text() for path in MODULES)
    assert [name for name in named if name not in code and name.lower() not in code] == []


def test_every_module_that_the_readme_runs_exists() -> None:
    for name in re.findall(r"python -m ([\w.]+)", README):
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), name


def test_make_help_lists_what_can_be_made() -> None:
    said = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for target in ("run", "test", "lint", "benchmarks"):
        assert re.search(rf"^\s+make {target}\s+\S", said.stdout, re.MULTILINE), target
