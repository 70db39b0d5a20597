"""Twenty labelers at once on a thousand items, while the web server is killed: is an item given out too often?

    python -m tests.benchmarks.labelers_at_once
    python -m tests.benchmarks.labelers_at_once --kills 0 --think 0      # as fast as it goes

A real stack, real HTTP clients. Each labeler asks for an item, thinks, submits, and asks again; meanwhile SIGKILL goes
to the web server, twice, and the clients send again what got no answer. In the end the rows are counted: no item has
more labels than its overlap, no labeler labeled one twice, and every label that a server confirmed is there once.
Exits with 1 where one of these fails.
"""

import argparse
import random
import sys
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psutil

from tests.labelers import PASSWORD, HttpLabeler
from tests.workers.stack import RealStack, real_stack

PROJECT = "benchmark"
OVERLAP = 2
SETUP = """
from webapp.accounts.models import Role, User
from webapp.labeling.choices import Mode
from webapp.labeling.items import ItemDraft, ResponseDraft, add_items
from webapp.labeling.projects import create_project
author = User.objects.filter(role=Role.ADMIN).first()
for number in range({labelers}):
    User.objects.create_user(f"labeler{{number}}", password="{password}", role=Role.LABELER)
project = create_project("{project}", Mode.RANKING, user=author, overlap={overlap})
draft = lambda item, index: ResponseDraft(f"response {{index}} to item {{item}} " * 20, source=f"model {{index}}")
add_items(project, [ItemDraft(f"prompt {{item}}", [draft(item, i) for i in range(4)]) for item in range({items})])
"""


@dataclass
class Seen:
    """What all clients saw."""

    next_s: list[float] = field(default_factory=list)
    submit_s: list[float] = field(default_factory=list)
    stored: list[uuid.UUID] = field(default_factory=list)
    lost_connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def main() -> int:
    """Print figures; 1 when a label is lost or doubled."""
    options = _arguments()
    with real_stack() as stack:
        words = {"labelers": options.labelers, "items": options.items, "password": PASSWORD}
        stack.manage("shell", "--no-imports", "-c", SETUP.format(**words, project=PROJECT, overlap=OVERLAP))
        seen, began = Seen(), time.monotonic()
        with ThreadPoolExecutor(options.labelers + 1) as pool:
            jobs = [pool.submit(_label, stack, number, options, seen) for number in range(options.labelers)]
            pool.submit(_beat, stack, options, seen).result()
            for job in jobs:
                job.result()
        seconds = time.monotonic() - began
        faults = _faults(stack, seen, options.items)
    _report(seen, seconds, options)
    for fault in faults:
        print(f"FAULT: {fault}")
    return 1 if faults else 0


def _label(stack: RealStack, number: int, options: argparse.Namespace, seen: Seen) -> None:
    rng = random.Random(number)
    labeler = HttpLabeler(stack.port, f"labeler{number}", PROJECT)
    while True:
        lost, began = labeler.lost_connections, time.perf_counter()
        desk = labeler.next()
        next_s, item = time.perf_counter() - began, desk["item"]
        if item is None and desk["state"] != "reserved":
            break
        thinks = rng.expovariate(1 / options.think) if options.think else 0.0
        time.sleep(thinks if item else 0.5)
        if item is None:
            continue
        began = time.perf_counter()
        ranks = [rng.randint(1, 4) for _ in item["responses"]]
        value = {"ranks": {each["handle"]: rank for each, rank in zip(item["responses"], ranks, strict=True)}}
        stored = labeler.submit(item, value, max(thinks, 0.1))
        with seen.lock:
            seen.stored.append(stored)
            if labeler.lost_connections == lost:  # the wait for a killed server is told apart
                seen.next_s.append(next_s)
                seen.submit_s.append(time.perf_counter() - began)
    with seen.lock:
        seen.lost_connections += labeler.lost_connections


def _beat(stack: RealStack, options: argparse.Namespace, seen: Seen) -> None:
    """Kill the web server when a third, two thirds, … of the labels are in."""
    wanted = options.items * OVERLAP

    def all_of_web() -> list[psutil.Process]:
        return stack.find("gunicorn")

    for kill in range(options.kills):
        while len(seen.stored) < wanted * (kill + 1) / (options.kills + 1):
            time.sleep(0.05)
        stack.kill(all_of_web)


def _faults(stack: RealStack, seen: Seen, items: int) -> list[str]:
    rows: list[tuple[Any, ...]] = stack.ask(
        "SELECT client_id, item_id, annotator_id FROM labeling_annotation WHERE withdrawn_at IS NULL"
    )
    by_item, by_both = Counter(row[1] for row in rows), Counter(row[1:] for row in rows)
    found = {str(row[0]) for row in rows}
    checks = {
        "items have more labels than were wanted": sum(count > OVERLAP for count in by_item.values()),
        "items have fewer labels than were wanted": items - sum(by_item[item] >= OVERLAP for item in by_item),
        "items were labeled twice by the same labeler": sum(count > 1 for count in by_both.values()),
        "confirmed labels are missing": sum(str(each) not in found for each in seen.stored),
        "labels are there that nobody was told of": len(found) - len(seen.stored),
    }
    return [f"{count} {what}" for what, count in checks.items() if count]


def _report(seen: Seen, seconds: float, options: argparse.Namespace) -> None:
    print(
        f"{options.labelers} labelers, {options.items} items x {OVERLAP}, thinking {options.think} s on average, web "
        f"server killed {options.kills} times ({seen.lost_connections} requests sent again): "
        f"{len(seen.stored)} labels in {seconds:.0f} s"
    )
    for name, values in (("next item", seen.next_s), ("submit", seen.submit_s)):
        p50, p95, p99 = np.percentile(np.array(values) * 1000, [50, 95, 99])
        print(f"{name:10} p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labelers", type=int, default=20)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=2, help="SIGKILLs to the web server")
    parser.add_argument("--think", type=float, default=1.0, help="mean seconds a labeler looks at an item")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
