"""Which steps two searches of one problem share: nodes whose texts agree all the way from the root."""

import re
from collections import defaultdict
from dataclasses import dataclass

from django.db.models.functions import Left

from webapp.search.models import SearchNode, SearchNodeText, SearchTree

COMPARED_CHARACTERS = 4000
"""Of each step."""

_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Shared:
    """Pairs of nodes, one of each search, that say the same; parallel lists."""

    left: list[int]
    right: list[int]


def normalised(text: str) -> str:
    """A step's text without what does not count: space between symbols, case."""
    return _SPACE.sub("", text).casefold()


def match(left: SearchTree, right: SearchTree) -> Shared:
    """Pairs from the roots down. Of siblings that say the same, the first pairs with the first, and so on."""
    one, other = _steps(left), _steps(right)
    if not one or not other:
        return Shared([], [])
    pairs = [(0, 0)]
    for a, b in pairs:  # grows while it is walked
        waiting = defaultdict(list)
        for child, text in reversed(other.get(b, [])):
            waiting[text].append(child)
        pairs += [(child, waiting[text].pop()) for child, text in one.get(a, []) if waiting[text]]
    return Shared([a for a, _ in pairs], [b for _, b in pairs])


def _steps(tree: SearchTree) -> dict[int, list[tuple[int, str]]]:
    """Children of each node, with their normalised texts."""
    texts = dict(SearchNodeText.objects.filter(tree=tree).values_list("number", Left("text", COMPARED_CHARACTERS)))
    children: dict[int, list[tuple[int, str]]] = defaultdict(list)
    rows = SearchNode.objects.filter(tree=tree).order_by("number").values_list("number", "parent")
    for number, parent in rows:
        children[parent].append((number, normalised(texts.get(number, ""))))
    return children
