"""How much of what a model writes it has just written: the share of repeated n-grams of tokens."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

N = 4
"""Tokens of a sequence: shorter ones repeat in any text."""


def repeated_share(responses: Iterable[npt.ArrayLike], n: int = N) -> float:
    """Of all n-grams in the responses, each token ids [T], the share that stood earlier in the same response.

    0 where there is no n-gram.
    """
    total = distinct = 0
    for tokens in responses:
        ids = np.asarray(tokens, dtype=np.int64)
        if len(ids) < n:
            continue
        grams = np.lib.stride_tricks.sliding_window_view(ids, n)
        total += len(grams)
        distinct += len(np.unique(_number(grams)))
    return 1 - distinct / total if total else 0.0


def _number(grams: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """One number for each n-gram [count, n]; two share one by a chance of about 1 to 2^64."""
    numbers = np.zeros(len(grams), dtype=np.uint64)
    for column in grams.T:
        numbers = numbers * np.uint64(0x9E3779B97F4A7C15) + column.astype(np.uint64) + np.uint64(1)
    return numbers
