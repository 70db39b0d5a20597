"""Opens what a run's tools need, and closes it with the run."""

from contextlib import ExitStack

from training.agent.python_tool import python_tool
from training.agent.tools import Registry, ToolRunner
from training.config import AgenticConfig
from training.errors import InputError
from training.sandbox.client import LocalSandbox
from training.sandbox.types import Executor, SandboxRefusedError


def open_executor(config: AgenticConfig, stack: ExitStack) -> Executor:
    """What runs programs. Raises InputError where nothing can run them safely."""
    try:
        return stack.enter_context(LocalSandbox(slots=config.tool_workers))
    except SandboxRefusedError as refusal:
        raise InputError(f"agentic.enabled needs a sandbox: {refusal}") from refusal


def open_tools(config: AgenticConfig, prompt_tools: str, stack: ExitStack) -> ToolRunner:
    """A runner with the tools of every run; both end with `stack`."""
    executor = open_executor(config, stack)
    return stack.enter_context(ToolRunner(Registry([python_tool(executor, config, prompt_tools)])))
