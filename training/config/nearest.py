"""The nearest possible numbers to those a user asked for, to offer as ways out."""

MOST_SEQUENCES, MOST_UPDATES, MOST_DEPTH, MOST_TOKENS = 65_536, 1024, 4096, 131_072
"""Bounds that the nearest possible sets keep to as well."""


def nearest_divisor(number: int, wanted: int, most: int) -> int:
    """The divisor of ``number``, at most ``most``, closest to ``wanted`` (the smaller one of two equally close)."""
    divisors = (d for d in range(1, min(number, most) + 1) if number % d == 0)
    return min(divisors, key=lambda d: (abs(d - wanted), d))


def nearest_multiple(number: int, of: int, most: int) -> int:
    """The positive multiple of ``of``, at most ``most``, closest to ``number`` (the smaller one of two equally close).

    ``most`` is at least ``of``.
    """
    below = max(number // of, 1) * of
    return min((m for m in (below, below + of) if m <= most), key=lambda m: (abs(m - number), m))
