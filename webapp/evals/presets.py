"""Searches that an evaluation offers: few, named for what they cost."""

from dataclasses import dataclass

from training.config import SearchConfig


@dataclass(frozen=True, slots=True)
class SearchPreset:
    """A search with a reason."""

    slug: str
    title: str
    summary: str
    depth: int
    """Steps of equal length that a response is cut into."""
    config: SearchConfig


LAZY = SearchPreset(
    "lazy", "Light search", "Whole continuations from where the tree looks best: a few times the tokens of sampling.",
    8, SearchConfig(expansion="lazy", max_expansions=64),
)  # fmt: skip
FULL = SearchPreset(
    "full", "DeepSearch", "The paper's tree, eight children a node: the most tokens, and the most chances.",
    8, SearchConfig(expansion="full", max_expansions=128),
)  # fmt: skip
PRESETS = {preset.slug: preset for preset in (LAZY, FULL)}


def search_of(slug: str, max_tokens: int) -> SearchConfig | None:
    """The preset's search, its depth fitted to the longest answer; None for no search."""
    preset = PRESETS.get(slug)
    if preset is None:
        return None
    depth = next(depth for depth in range(min(preset.depth, max_tokens), 0, -1) if max_tokens % depth == 0)
    return preset.config.model_copy(update={"max_depth": depth})
