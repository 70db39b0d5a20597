"""Seeds that follow from the run's seed and what they are for, never from a global state: resuming draws the same."""

import hashlib
import random


def derive_seed(*parts: int | str) -> int:
    """A seed in [0, 2^63) for this purpose, the same on every machine."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def shuffled(count: int, *parts: int | str) -> list[int]:
    """The numbers 0 .. count - 1 in an order for this purpose, the same on every machine."""
    order = list(range(count))
    random.Random(derive_seed(*parts)).shuffle(order)
    return order
