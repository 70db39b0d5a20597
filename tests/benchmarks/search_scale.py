"""How fast pages of searches are when there are many: `python -m tests.benchmarks.search_scale [repeats]`.

Makes over a million nodes in 20,000 trees, 20,000 verified solutions and 20 phases of a hard subset of 10,000 problems
in a scratch database, then asks for every list of trees and solutions, for the data of trees and for the live part as a
logged-in user, and prints the median and the 95th percentile of the server's time, and the number of queries. Ends with
an error when a budget is broken.
"""

import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import tests.environment  # noqa: F401  # starts the server and sets the environment
from tests.benchmarks.web_scale import REPEATS, measure

if TYPE_CHECKING:
    from webapp.runs.models import Run
    from webapp.search.models import SearchTree


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        broken = measure_all(int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS)
    finally:
        teardown_databases(databases, verbosity=0)
    sys.exit(f"{broken} addresses are over budget" if broken else 0)


def measure_all(repeats: int) -> int:
    """Fill the database, measure every address; returns how many are over budget."""
    from django.test import Client

    from tests.benchmarks.search_scale_data import make_all
    from webapp.accounts.models import Role, User
    from webapp.search.models import SearchNode, SearchTree, VerifiedSolution

    user = User.objects.create_user("scale", password="scale-scale-scale", role=Role.RESEARCHER)
    started = time.monotonic()
    run, largest = make_all()
    counted = (SearchTree, SearchNode, VerifiedSolution)
    told = ", ".join(f"{model.objects.count():,} {model._meta.verbose_name_plural}" for model in counted)
    print(f"filled in {time.monotonic() - started:.0f} s: {told}\n")
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return measure(client, addresses(run, largest), repeats)


def addresses(run: "Run", largest: "SearchTree") -> Iterator[tuple[str, str]]:
    """Everything about searches that lists, draws or counts."""
    from webapp.search.models import SearchTree, VerifiedSolution

    of_run, plain = f"/runs/{run.pk}/trees/", SearchTree.objects.filter(run=run).latest("pk")
    for name, query in (
        ("newest first", ""),
        ("by tokens", "?sort=-tokens"),
        ("by best Q", "?sort=-best_q"),
        ("by mean reward, upwards", "?sort=mean_reward"),
        ("solved, deep, many tokens", "?solved=yes&depth_min=5&tokens_min=1500&sort=-nodes"),
        ("of a step", "?step=40&split=train"),
        ("text of the problem", "?q=compute 17"),
        ("a problem", "?problem=problem-170"),
        ("nothing matches", "?q=nowhere&solved=no"),
    ):
        yield f"trees of a run, {name}", of_run + query
        yield f"trees of all runs, {name}", "/trees/" + query
    yield "trees of a run, far down by tokens", of_run + far_down(run)
    yield "trees of a run, CSV of all", of_run + "export/csv?solved=yes&step_min=40&step_max=60"
    yield from (
        ("tree", f"/trees/{plain.pk}/"),
        ("data of a tree", f"/trees/{plain.pk}/data"),
        (f"tree of {largest.nodes:,} nodes", f"/trees/{largest.pk}/"),
        (f"data of a tree of {largest.nodes:,} nodes", f"/trees/{largest.pk}/data"),
        ("run page", f"/runs/{run.pk}/"),
        ("live trees, nothing grows", f"{of_run}live"),
        ("hard subset, newest phase", f"/runs/{run.pk}/hard-subset/"),
        ("hard subset, those that entered, text", f"/runs/{run.pk}/hard-subset/?phase=7&show=entered&q=compute 17"),
        ("solutions", "/solutions/"),
        ("solutions, most used first", "/solutions/?sort=-times_used"),
        ("solutions, text", "/solutions/?q=check"),
        ("solutions of a problem", f"/solutions/problem/{VerifiedSolution.objects.latest('pk').problem}/"),
    )


def far_down(run: "Run") -> str:
    """The page after some tree in the middle of the list by tokens."""
    from urllib.parse import urlencode

    from webapp.core.paging import keyset_page
    from webapp.search.models import SearchTree

    rows = SearchTree.objects.filter(run=run)
    page = keyset_page(rows, by="tokens", descending=True, cursor="", size=rows.count() // 2)
    return "?" + urlencode({"sort": "-tokens", "after": page.next_cursor})


if __name__ == "__main__":
    main()
