"""The presets as the new-run page offers them, in groups."""

from dataclasses import dataclass

from training.config.presets import PRESETS, Preset

TITLES = {"start": "Starting points", "recipe": "Published recipes", "ablation": "Ablations of DeepSearch"}
FOLDED = frozenset({"ablation"})
"""Out of sight until asked for."""


@dataclass(frozen=True, slots=True)
class PresetGroup:
    """Presets of one kind."""

    slug: str
    title: str
    folded: bool
    presets: tuple[Preset, ...]


def preset_groups() -> list[PresetGroup]:
    """All presets, each once, in the order of the groups."""
    return [
        PresetGroup(slug, title, slug in FOLDED, tuple(each for each in PRESETS.values() if each.group == slug))
        for slug, title in TITLES.items()
    ]
