"""The import law, and what it is for: the web and the configs load nothing heavy."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "transformers", "numpy", "django", "celery", "psycopg", "training.sampling", "training.rewards")


def modules_after(code: str) -> set[str]:
    """Names of all modules that a fresh interpreter holds after running ``code``."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_the_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("module", ["training.config", "training.config.presets", "training.events"])
def test_configs_and_events_load_nothing_heavy(module: str) -> None:
    assert modules_after(f"import {module}").isdisjoint(HEAVY)


def test_the_web_loads_no_torch() -> None:
    code = (
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'webapp.settings'\n"
        "import webapp.wsgi; from django.urls import get_resolver; get_resolver().url_patterns"
    )
    modules = modules_after(code)
    assert "webapp.runs.services" in modules
    assert modules.isdisjoint({"torch", "transformers", "vllm", "workers.runs", "workers.ingest"})


def test_the_workers_supervise_without_torch() -> None:
    code = (
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'webapp.settings'\n"
        "import django; django.setup(); import workers.runs, workers.maintenance"
    )
    assert modules_after(code).isdisjoint({"torch", "transformers"})


def test_every_template_that_another_one_names_exists() -> None:
    templates = ROOT / "templates"
    named = {
        name
        for path in templates.rglob("*.html")
        for name in re.findall(r"{%-?\s*(?:include|extends)\s+\"([^\"#]+)", path.read_text())
    }
    assert named
    assert sorted(name for name in named if not (templates / name).is_file()) == []
