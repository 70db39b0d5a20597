"""The 97.5 % quantile of Student's t distribution, by which 95 % intervals are made."""

from scipy.special import stdtrit


def t975(freedom: float) -> float:
    """For degrees of freedom above 0, whole or not: Welch's are seldom whole."""
    return float(stdtrit(freedom, 0.975))
