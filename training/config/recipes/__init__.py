"""Published recipes as chains of stages, each value with its reason, in two sizes.

The built-in size finishes on two cores in minutes and shows what the recipe is for; the full size has the source's
numbers, a model of the hub, and names the sets to import first.
"""

from training.config.recipes.agents import AGENTS
from training.config.recipes.deepsearch import DEEPSEARCH_ROUNDS
from training.config.recipes.gaming import GAMING
from training.config.recipes.r1 import R1
from training.config.recipes.r1_zero import R1_ZERO
from training.config.recipes.rlhf import RLHF
from training.config.recipes.rstar2 import RSTAR2
from training.config.recipes.srl import SRL_RLVR
from training.config.recipes.types import RecipePreset, Size, StagePreset, Variant

__all__ = [
    "AGENTS",
    "DEEPSEARCH_ROUNDS",
    "GAMING",
    "R1",
    "R1_ZERO",
    "RECIPES",
    "RLHF",
    "RSTAR2",
    "SRL_RLVR",
    "RecipePreset",
    "Size",
    "StagePreset",
    "Variant",
]

RECIPES = {preset.slug: preset for preset in (R1_ZERO, R1, SRL_RLVR, RSTAR2, AGENTS, DEEPSEARCH_ROUNDS, RLHF, GAMING)}
"""In the order they are offered."""
