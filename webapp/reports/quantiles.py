"""The 97.5 % quantile of Student's t distribution, by which 95 % intervals are made."""

_TABLE = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
    2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
    2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
)  # fmt: skip
_NORMAL = 1.959964


def t975(freedom: float) -> float:
    """For degrees of freedom of at least 1; between whole numbers, the straight line in their reciprocals."""
    if freedom >= len(_TABLE):
        z = _NORMAL  # Cornish and Fisher's expansion, right to four digits from here on
        return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    below = max(int(freedom), 1)
    if freedom <= below:
        return _TABLE[below - 1]
    share = (1 / below - 1 / freedom) / (1 / below - 1 / (below + 1))
    return _TABLE[below - 1] + share * (_TABLE[below] - _TABLE[below - 1])
