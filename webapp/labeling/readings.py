"""What each figure of agreement means, for which modes it is, and how it is usually read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from webapp.labeling.choices import Mode

Unit = Literal["share", "coefficient"]
Scale = Sequence[tuple[float, str]]
"""From these values up these words hold; below the first one the last of all."""

KAPPA: Scale = ((0.81, "almost perfect"), (0.61, "substantial"), (0.41, "moderate"), (0.21, "fair"), (0.0, "slight"),
                (-9.0, "worse than chance"))  # fmt: skip
ALPHA: Scale = ((0.80, "firm"), (0.667, "tentative"), (0.0, "too low to rest on"), (-9.0, "worse than chance"))
CORRELATION: Scale = ((0.7, "strong"), (0.4, "moderate"), (0.1, "weak"), (-0.1, "none"), (-9.0, "opposed"))
PREFERENCES: Scale = ((0.773, "above published sets"), (0.63, "as in published sets"), (0.0, "below published sets"))
"""Of human preferences: 63 % (Anthropic: researchers and crowd workers) to 77.3 % (InstructGPT: held-out labelers)."""
RANKED = {Mode.RANKING, Mode.RATING}
NOT_OF_TWO = "Of two responses it would be +1 or −1, and say what pairs ordered alike says."
NOT_OF_BEST = "Only the best step is named, which is no ranking."
NOT_OF_RANKS = "It is for choices among categories; these labels put responses in an order."


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of the table of figures."""

    key: str
    title: str
    unit: Unit
    meaning: str
    scale: Scale = ()
    modes: frozenset[Mode] = frozenset(Mode)
    otherwise: Mapping[Mode, str] | None = None
    """Why it does not apply, by mode."""

    def reading(self, value: float | None, low: float | None, high: float | None) -> str:
        """The rule of thumb for the value, and for the ends of its interval where they read otherwise."""
        if value is None or not self.scale:
            return ""
        word = _word(self.scale, value)
        ends = [_word(self.scale, end) for end in (low, high) if end is not None]
        others = [end for end in dict.fromkeys(ends) if end != word]
        return f"{word} (from {ends[0]} to {ends[1]})" if others else word

    def why_not(self, mode: Mode) -> str:
        """Why it does not apply to a mode; empty where it does."""
        return "" if mode in self.modes else (self.otherwise or {}).get(mode, NOT_OF_RANKS)


def _word(scale: Scale, value: float) -> str:
    return next((word for least, word in scale if value >= least), scale[-1][1])


_RANKED_ONLY = {Mode.PAIRWISE: NOT_OF_TWO, Mode.TREE_STEP: NOT_OF_BEST}
FIGURES = (
    Figure("exact", "Exact agreement", "share",
           "How often two annotators give the same label: the same of five points, or the same order of all."),
    Figure("relaxed", "Relaxed agreement", "share",
           "The same for which response is better, clearly or slightly; a tie against a win counts half.", PREFERENCES),
    Figure("pairs", "Pairs ordered alike", "share",
           "Of two responses that both annotators put in an order, how often it is the same order. Chance is 50 %.",
           PREFERENCES),
    Figure("cohen", "Cohen's kappa", "coefficient",
           "Equal choices of two annotators, less those that chance would make equal. 0: chance, 1: perfect.",
           KAPPA, frozenset({Mode.PAIRWISE})),
    Figure("fleiss", "Fleiss' kappa", "coefficient",
           "The same for any number of annotators, over items with equally many labels.",
           KAPPA, frozenset({Mode.PAIRWISE})),
    Figure("alpha", "Krippendorff's alpha (ordinal)", "coefficient",
           "Disagreement observed against that of chance; near misses weigh less, missing labels do no harm.", ALPHA),
    Figure("tau", "Kendall's tau-b", "coefficient",
           "Pairs of responses ordered alike less those ordered the other way; +1: same order, −1: reversed.",
           CORRELATION, frozenset(RANKED), _RANKED_ONLY),
    Figure("rho", "Spearman's rho", "coefficient",
           "Correlation of the ranks; a response far from its place weighs more than in tau.",
           CORRELATION, frozenset(RANKED), _RANKED_ONLY),
    Figure("w", "Kendall's W", "coefficient",
           "How far all annotators of an item rank alike; 0: not at all, 1: the same order.",
           CORRELATION, frozenset(RANKED), _RANKED_ONLY),
)  # fmt: skip
