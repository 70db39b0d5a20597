"""Knobs of rollouts that call tools between their turns (rStar2-Agent, arXiv 2508.20722, sections 2 and 3).

The longest response, ``max_tokens``, counts all that follows the prompt: the model's tokens, what tools said, and the
turn marks around it.
"""

from typing import Literal

from pydantic import Field

from training.config.base import Config


class AgenticConfig(Config):
    """Responses of several turns: a turn that calls a tool is followed by the tool's result, and the model goes on."""

    enabled: bool = False
    """Run the tool calls in responses. Off, a call is text like any other, and a response has one turn."""

    max_turns: int = Field(default=10, ge=1, le=256)
    """Turns of the model in one response; no tool runs after the last. The paper: 10, later 15; 30 to evaluate."""

    max_calls: int = Field(default=1, ge=1, le=64)
    """Tool calls of one turn that are run, side by side; further ones go unanswered."""

    result_characters: int = Field(default=256, ge=16, le=100_000)
    """Longest tool result that the model is shown; of a longer one, a part is cut out and marked."""

    result_cut: Literal["middle", "end", "beginning"] = "middle"
    """Which part of a long tool result is cut out."""

    tool_seconds: float = Field(default=4.0, gt=0, le=600)
    """Longest time one tool call may run; the wait for a free place does not count."""

    tool_memory_mib: int = Field(default=384, ge=64, le=65_536)
    """Most memory one tool call may take."""

    tool_workers: int = Field(default=2, ge=1, le=256)
    """Tool calls that run at the same time; more wait their turn, while the model writes other responses."""

    kv_cache_mib: int = Field(default=2048, ge=1, le=1 << 20)
    """Memory of Espalier's engine for keys and values of responses under way; vLLM has its own. Each reserves what it
    may need at most before it begins; those that find no room wait."""

    kv_oversubscription: float = Field(default=1.0, ge=1, le=8)
    """Reserve so many times the memory there is, on each of several servers too: good where most responses stay short,
    bad where states are thrown out and computed again."""

    while_tools_run: Literal["keep", "yield"] = "keep"
    """keep: a response keeps its room while its tools run. yield: others may have it meanwhile, and the response goes
    on when there is room again, before any new one; good where tools are slow beside the model."""

    prefix: str = Field(default="", max_length=64)
    """Text that every turn begins with, given and not learned: <reason> in the paper's traces; empty for none."""

    reward_scope: Literal["answer", "response"] = "answer"
    """answer: only what the model itself put between <answer> tags counts. response: any marked answer, be it in a
    tool's output (as released; it pays for printing guesses)."""
