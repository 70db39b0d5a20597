"""The similarity of 4,096 pairs of 2,000 characters, beside difflib's: CPU seconds on one core, and equal values.

    python -m tests.benchmarks.step_similarity [--pairs 4096] [--beside 64]

Half of the pairs are unlike (two places in this project's source), half are alike (one of them with about 60 edits).
difflib is asked for `--beside` of them, since a rate needs no more, in turn with ours. Exits with 1 when a value
differs or difflib is less than `LEAST_RATIO` times as slow.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path

from training.srl.similarity import similarity

LEAST_RATIO = 5.0
CHARACTERS = 2000
EDITS = 60


def difflibs(first: str, second: str) -> float:
    """What ours has to equal."""
    return SequenceMatcher(None, first, second, autojunk=False).ratio()


def pairs(count: int, draw: random.Random) -> list[tuple[str, str]]:
    """Half of them unlike, half alike, in turn."""
    root = Path(__file__).resolve().parents[2] / "training"
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.py")))

    def piece() -> str:
        start = draw.randrange(len(text) - CHARACTERS)
        return text[start : start + CHARACTERS]

    found = []
    for number in range(count):
        first = piece()
        found.append((first, edited(first, text, draw) if number % 2 else piece()))
    return found


def edited(text: str, source: str, draw: random.Random) -> str:
    """With characters of the source in place of others, and as long as it was."""
    characters = list(text)
    for _ in range(EDITS):
        place = draw.randrange(len(characters))
        characters[place : place + 5] = draw.choices(source, k=draw.randint(0, 9))
    return "".join(characters)[:CHARACTERS]


def timed(compare: Callable[[str, str], float], pair: tuple[str, str]) -> tuple[float, float]:
    """The value and its CPU seconds."""
    began = time.process_time()
    value = compare(*pair)
    return value, time.process_time() - began


def main() -> int:
    """Measure and print; the exit status."""
    parser = argparse.ArgumentParser(description="Similarity of steps beside difflib's.")
    parser.add_argument("--pairs", type=int, default=4096)
    parser.add_argument("--beside", type=int, default=64)
    given = parser.parse_args()
    drawn = pairs(given.pairs, random.Random(0))
    ratios, unequal, seconds = [], 0, 0.0
    for number, pair in enumerate(drawn):
        value, own = timed(similarity, pair)
        seconds += own
        if number < given.beside:
            expected, theirs = timed(difflibs, pair)
            unequal += value != expected
            ratios.append(theirs / own)
    ratio = statistics.median(ratios)
    each = seconds / len(drawn) * 1e3
    print(f"{len(drawn):,} pairs of {CHARACTERS:,} characters: {seconds:.1f} CPU seconds, {each:.1f} ms each")
    print(f"difflib takes {ratio:.1f} times as long ({min(ratios):.1f} to {max(ratios):.1f}); {unequal} values differ")
    return int(unequal > 0 or ratio < LEAST_RATIO)


if __name__ == "__main__":
    sys.exit(main())
