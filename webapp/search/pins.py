"""Pins: trees whose nodes the keeping rule never drops."""

from collections.abc import Collection

from webapp.search.models import SearchTree


def pin_trees(trees: Collection[int]) -> int:
    """Pin those of the trees that still have their nodes; returns how many are pinned now."""
    return SearchTree.objects.filter(pk__in=trees, stored=True).update(pinned=True)


def unpin_trees(trees: Collection[int]) -> int:
    """Leave these trees to the keeping rule; returns how many were pinned."""
    return SearchTree.objects.filter(pk__in=trees, pinned=True).update(pinned=False)
