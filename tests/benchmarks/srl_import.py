"""From a file of worked solutions to its steps: `python -m tests.benchmarks.srl_import [file.jsonl]`.

Upload, check of every row, storage and the splitter's totals through the pages' own requests, in a scratch database.
Without a file one that looks like GSM8K's training set is made: as many rows, of three to eight lines with calculator
marks and a final ``####``. Ends with an error when all together take longer than the budget.
"""

import json
import os
import random
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import tests.environment  # noqa: F401  # starts the server and sets the environment

if TYPE_CHECKING:
    from django.test import Client

ROWS = 7473
BUDGET_SECONDS = 30.0


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    django.setup()
    from django.conf import settings
    from django.test import Client
    from django.test.utils import setup_databases, teardown_databases

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        with tempfile.TemporaryDirectory() as folder:
            settings.PROBLEM_SETS_DIR, settings.UPLOADS_DIR = Path(folder) / "sets", Path(folder) / "uploads"
            file = Path(sys.argv[1]) if len(sys.argv) > 1 else look_alike(Path(folder) / "solutions.jsonl")
            seconds = measure(Client(headers={"host": "localhost"}), file)
    finally:
        teardown_databases(databases, verbosity=0)
    sys.exit(f"over the budget of {BUDGET_SECONDS:g} s" if seconds > BUDGET_SECONDS else 0)


def look_alike(path: Path) -> Path:
    """A file of as many rows as GSM8K's, of questions with worked solutions."""
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for number in range(ROWS):
            jars = rng.randint(2, 90)
            question = f"Shelf {number} of a shop holds {jars} jars, and jars are put on it. How many are there then?"
            lines = []
            for _ in range(rng.randint(2, 7)):
                more = rng.randint(1, 40)
                sum_ = f"{jars}+{more}"
                jars += more
                lines.append(f"Then there are {sum_} = <<{sum_}={jars}>>{jars} jars on the shelf in the evening.")
            row = {"question": question, "answer": "\n".join([*lines, f"#### {jars}"])}
            file.write(json.dumps(row) + "\n")
    return path


def measure(client: "Client", file: Path) -> float:
    """Go the way a person goes, request by request; prints the seconds of each and returns their sum."""
    from webapp.accounts.models import Role, User
    from webapp.datasets.models import Import, ProblemSet

    client.force_login(User.objects.create_user("import", password="import-import", role=Role.RESEARCHER))
    spent: list[tuple[str, float]] = []

    def timed(what: str, **request: object) -> str:
        began = time.perf_counter()
        response = client.generic(**request) if "method" in request else client.post(**request)  # type: ignore[arg-type]
        spent.append((what, time.perf_counter() - began))
        if response.status_code >= 400:
            sys.exit(f"{what}: status {response.status_code}")
        return response.content.decode()

    with file.open("rb") as opened:
        timed("upload and look at the columns", path="/datasets/new/", data={"main": opened})
    record = Import.objects.latest("pk")
    address = f"/datasets/imports/{record.pk}/"
    plan = {**record.plan, "heldout_percent": "10", "check": "1"}
    timed("check every row", path=f"{address}plan/", data=plan)
    timed("store", path=f"{address}commit/", data={"name": "Solutions", "without_refused": "on"})
    made = ProblemSet.objects.latest("pk")
    further = f"/datasets/{made.slug}/steps/totals/?rule=line&format=continuation"
    steps = f"/datasets/{made.slug}/steps/?rule=line&format=continuation"
    timed("first page of steps", method="GET", path=steps)
    portions = 0
    page = "hx-get"
    while "hx-get" in page:
        page = timed("totals, a portion", method="GET", path=further)
        portions += 1
    for what, seconds in spent:
        print(f"{seconds:7.2f} s  {what}")
    total = sum(seconds for _, seconds in spent)
    found = re.findall(r"<dt>(Problems|Instances)</dt><dd>([\d,]*\d)", page)
    print(f"{total:7.2f} s  in all, {' and '.join(f'{count} {name.lower()}' for name, count in found)}")
    return total


if __name__ == "__main__":
    main()
