"""Which items the three judges disagree on, and how far."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from webapp.labeling.triangle.judged import JudgedItem

WIDEST_SHARE = 0.1
"""Of the items whose responses have a spread, so many count as uncertain."""

Size = float
"""How far a disagreement goes, for sorting; 0 where there is none."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to disagree."""

    slug: str
    title: str
    meaning: str
    tone: str


PEOPLE_VERIFIER = Kind(
    "people-verifier",
    "People ≠ verifier",
    "What people put first is wrong by the verifier, while another response is right.",
    "bad",
)
PEOPLE_REWARD = Kind(
    "people-reward",
    "People ≠ reward",
    "The highest reward goes to a response that people do not put first; largest difference of rewards first.",
    "warn",
)
VERIFIER_REWARD = Kind(
    "verifier-reward",
    "Verifier ≠ reward",
    "A wrong response earns more than every right one; largest difference of rewards first.",
    "warn",
)
SPREAD = Kind(
    "spread",
    "Reward uncertain",
    "The heads of the reward model differ most on these: the widest tenth of the items.",
    "info",
)
FLIPS = Kind(
    "flips",
    "Changed when mirrored",
    "A labeler put two responses the other way round when the item came back in reverse order.",
    "info",
)
KINDS = (PEOPLE_VERIFIER, PEOPLE_REWARD, VERIFIER_REWARD, SPREAD, FLIPS)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An item that at least two judges see differently."""

    item: JudgedItem
    sizes: dict[str, Size]
    """By the slug of its kinds."""

    @property
    def kinds(self) -> list[Kind]:
        return [kind for kind in KINDS if kind.slug in self.sizes]


def disagreements(items: Sequence[JudgedItem]) -> list[Disagreement]:
    """The items with any kind of disagreement, by number."""
    widest = _widest(items)
    measures: dict[str, Callable[[JudgedItem], Size]] = {
        PEOPLE_VERIFIER.slug: people_against_verifier,
        PEOPLE_REWARD.slug: people_against_reward,
        VERIFIER_REWARD.slug: verifier_against_reward,
        SPREAD.slug: lambda item: spread_of(item) if item.pk in widest else 0.0,
        FLIPS.slug: lambda item: float(item.flips),
    }
    found = []
    for item in items:
        sizes = {slug: size for slug, measure in measures.items() if (size := measure(item)) > 0}
        if sizes:
            found.append(Disagreement(item, sizes))
    return found


def ordered(found: Iterable[Disagreement], kind: str) -> list[Disagreement]:
    """Those of one kind, the furthest first; without a kind all, those of most kinds first."""
    if kind:
        return sorted(
            (each for each in found if kind in each.sizes), key=lambda each: (-each.sizes[kind], each.item.pk)
        )
    return sorted(found, key=lambda each: (-len(each.sizes), each.item.pk))


def people_against_verifier(item: JudgedItem) -> Size:
    """1 where all that people put first is wrong and something else is right."""
    favourites = item.favourites
    if not favourites or any(each.correct is not False for each in favourites):
        return 0.0
    return float(any(each.correct for each in item.responses))


def people_against_reward(item: JudgedItem) -> Size:
    """By how much the highest reward exceeds those of people's favourites."""
    favourites = item.favourites
    rewards = [each.score.reward for each in item.responses if each.score]
    own = [each.score.reward for each in favourites if each.score]
    if not own or len(rewards) < len(item.responses):
        return 0.0
    return max(rewards) - max(own)


def verifier_against_reward(item: JudgedItem) -> Size:
    """By how much the best-paid wrong response earns more than the best-paid right one."""
    right = [each.score.reward for each in item.responses if each.correct and each.score]
    wrong = [each.score.reward for each in item.responses if each.correct is False and each.score]
    return max(wrong) - max(right) if right and wrong else 0.0


def spread_of(item: JudgedItem) -> Size:
    """The widest spread of its responses; 0 where none is known."""
    return max((each.score.spread for each in item.responses if each.score and each.score.spread), default=0.0)


def _widest(items: Sequence[JudgedItem]) -> set[int]:
    spreads = sorted(((spread_of(item), item.pk) for item in items if spread_of(item) > 0), reverse=True)
    return {pk for _, pk in spreads[: round(len(spreads) * WIDEST_SHARE) or min(len(spreads), 1)]}
