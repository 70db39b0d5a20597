"""Nodes a second of one search over many trees, beside the same trees searched one after another.

    python -m tests.benchmarks.search_speed [--trees 64] [--alone 16] [--repeats 5] [--threads 0]

Trees of the hard level with the preset's width and depth, built-in model, all cores unless told otherwise, by the clock
on the wall. Both sides draw the same trees (a tree does not depend on those beside it); of the trees searched alone
only `--alone` are grown, since a rate needs no more. Prints the ratio, the share of prefix tokens that were run through
the model again, and where the time went. Exits with 1 when the ratio, the recomputed share or the share of bookkeeping
miss their bounds.
"""

import argparse
import os
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import torch

from training.assembly import Parts, build_method
from training.config import RunConfig
from training.distributed import Processes
from training.experience.tree import SearchRound, TreeExperience
from training.experience.types import Group
from training.methods.deepsearch import DeepSearchTraining
from training.recorder import Recorder
from training.sources import load_model, load_problems

LEAST_RATIO, MOST_RECOMPUTED, MOST_BOOKKEEPING = 5.0, 0.10, 0.05


def experience(stack: ExitStack, trees: int) -> tuple[Parts, TreeExperience]:
    """What the trainer of the method would use."""
    method = {
        "kind": "deepsearch",
        "sampling": {"prompts_per_step": trees, "samples_per_prompt": 8, "max_tokens": 128},
        "search": {"width": 8, "max_depth": 8},
    }
    config = RunConfig.model_validate({"problems": {"kind": "builtin", "level": "hard"}, "method": method})
    problems = load_problems(config, Path())
    parts = Parts.of(config, problems, *load_model(config, torch.device("cpu")), Recorder(), Processes())
    training = build_method(parts, stack)
    assert isinstance(training, DeepSearchTraining)
    return parts, training.experience


def nodes(groups: list[Group]) -> int:
    return sum(len(group.search.tree) for group in groups if group.search)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trees", type=int, default=64)
    parser.add_argument("--alone", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="0 takes all cores")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads or os.cpu_count() or 1)
    with ExitStack() as stack:
        parts, search = experience(stack, asked.trees)
        problems = parts.problems.train[: asked.trees]
        ratios, recomputed, bookkeeping = [], [], []
        for repeat in range(asked.repeats):
            began = time.perf_counter()
            together = search.gather(SearchRound(problems, repeat, 1, ""))
            batched = nodes(together) / (time.perf_counter() - began)
            clock = search.clock
            total = clock.sampling + clock.judging + clock.bookkeeping
            recomputed.append(clock.recomputed / sum(g.search.prefix_tokens for g in together if g.search))
            bookkeeping.append(clock.bookkeeping / total)
            began = time.perf_counter()
            rounds = [SearchRound([p], repeat, 1, "", [i]) for i, p in enumerate(problems[: asked.alone])]
            alone = [group for each in rounds for group in search.gather(each)]
            single = nodes(alone) / (time.perf_counter() - began)
            ratios.append(batched / single)
            print(
                f"{asked.trees} together: {batched:,.0f} nodes a second; one at a time: {single:,.0f}; "
                f"{batched / single:.1f}×; recomputed {recomputed[-1]:.1%} of prefix tokens; time: sampling "
                f"{clock.sampling / total:.1%}, verdicts {clock.judging / total:.1%}, bookkeeping {bookkeeping[-1]:.1%}"
            )
    ratio, again, books = (statistics.median(values) for values in (ratios, recomputed, bookkeeping))
    print(f"median: {ratio:.1f}×, {again:.1%} recomputed, {books:.1%} bookkeeping")
    return int(ratio < LEAST_RATIO or again > MOST_RECOMPUTED or books > MOST_BOOKKEEPING)


if __name__ == "__main__":
    sys.exit(main())
