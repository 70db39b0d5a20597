"""Published recipes and starting points as configs, each value with its reason and, where it differs, the paper's own.

The values fit the built-in model, so that a preset learns something on two CPU cores in minutes; for a model of
billions of parameters take the paper's numbers, which stand beside them.
"""

from training.config.presets.agents import AGENTS_RL, AGENTS_SFT, AGENTS_SRL
from training.config.presets.grpo import DAPO, DEMO, DR_GRPO, R1_ZERO, SMOKE
from training.config.presets.preferences import DPO, REWARD_MODEL
from training.config.presets.rlhf import GRPO_REWARD_MODEL, PPO
from training.config.presets.search import ABLATIONS, DEEPSEARCH, DEEPSEARCH_LAZY
from training.config.presets.sft import SFT
from training.config.presets.srl import SRL
from training.config.presets.tools import GRPO_AGENTIC, RSTAR2_AGENT, TOOL_FORMAT
from training.config.presets.types import Choice, Preset

__all__ = [
    "ABLATIONS",
    "AGENTS_RL",
    "AGENTS_SFT",
    "AGENTS_SRL",
    "DAPO",
    "DEEPSEARCH",
    "DEEPSEARCH_LAZY",
    "DEMO",
    "DPO",
    "DR_GRPO",
    "GRPO_AGENTIC",
    "GRPO_REWARD_MODEL",
    "PPO",
    "PRESETS",
    "R1_ZERO",
    "REWARD_MODEL",
    "RSTAR2_AGENT",
    "SFT",
    "SMOKE",
    "SRL",
    "TOOL_FORMAT",
    "Choice",
    "Preset",
]

_STARTS = (SMOKE, DEMO)
_REASONING = (R1_ZERO, DAPO, DR_GRPO, DEEPSEARCH_LAZY, DEEPSEARCH, RSTAR2_AGENT, SRL)
_AGENTS = (AGENTS_SFT, AGENTS_SRL, AGENTS_RL)
_RECIPES = (*_REASONING, SFT, TOOL_FORMAT, *_AGENTS, REWARD_MODEL, PPO, GRPO_REWARD_MODEL, DPO)

PRESETS = {preset.slug: preset for preset in (*_STARTS, *_RECIPES, *ABLATIONS, GRPO_AGENTIC)}
"""In the order they are offered."""
