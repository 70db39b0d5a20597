"""Does the model plan, change its mind and check, in one response? Signs of reasoning that is not one straight line.

The SRL paper (arXiv 2510.25992, section 5) reads three habits off its models: planning up front, adjusting on the fly,
and verifying what was found. Here each is a phrase in the part of a response where it would mean that. As with
reflective words, phrases do not show that anything came of them.
"""

import re
from collections.abc import Callable, Sequence

UP_FRONT = 0.2
"""Share of a response that counts as its beginning, but at least `UP_FRONT_CHARACTERS`."""
UP_FRONT_CHARACTERS = 80

_PLAN = re.compile(
    r"\b(?:first(?:ly)?|my plan|the plan|plan:|strategy|approach|step 1|let(?:'|’)?s (?:start|begin|break|first)"
    r"|we (?:need|want|have) to|i(?:'|’)?ll (?:start|first|begin)|to solve this)",
    re.IGNORECASE,
)
_ADJUST = re.compile(
    r"\b(?:wait|actually|instead|on second thought|scratch that|that(?:'|’)?s (?:wrong|not right)|mistake|let me re\w+"
    r"|alternatively)\b",
    re.IGNORECASE,
)
_CHECK = re.compile(
    r"\b(?:verify|verif(?:ied|ying)|check|double-check|confirm|sanity|plug(?:ging)? (?:it )?back)", re.IGNORECASE
)
_OPEN = "<think>"


def plans(text: str) -> bool:
    """Whether it says what it is going to do before it does it."""
    return _PLAN.search(text, 0, max(UP_FRONT_CHARACTERS, int(UP_FRONT * len(text)))) is not None


def adjusts(text: str) -> bool:
    """Whether it takes something back on the way."""
    return _ADJUST.search(text) is not None


def checks(text: str) -> bool:
    """Whether it says that it looks at a result again, after there is one: a figure stands before the phrase."""
    return any(re.search(r"\d", text[: match.start()]) for match in _CHECK.finditer(text))


def interleaves(text: str) -> bool:
    """Whether it thinks more than once, with something said in between."""
    return text.count(_OPEN) > 1


_SIGNS: dict[str, Callable[[str], bool]] = {
    "planning": plans,
    "adjusting": adjusts,
    "checking": checks,
    "interleaved": interleaves,
}


def interleaving_rates(texts: Sequence[str]) -> dict[str, float]:
    """Shares of responses with each sign; none without responses."""
    if not texts:
        return {}
    return {f"reasoning/{name}_share": sum(map(sign, texts)) / len(texts) for name, sign in _SIGNS.items()}
