"""Opens what a run's tools need, and closes it with the run."""

from contextlib import ExitStack
from typing import NamedTuple

from training.agent.python_tool import limits_of, python_tool
from training.agent.repository_tests import RepositoryTests
from training.agent.repository_tools import repository_tools
from training.agent.tools import Registry, ToolRunner
from training.config import AgenticConfig, PromptConfig
from training.errors import InputError
from training.sandbox.client import LocalSandbox
from training.sandbox.types import Executor, SandboxRefusedError


def open_executor(config: AgenticConfig, stack: ExitStack) -> Executor:
    """What runs programs. Raises InputError where nothing can run them safely."""
    try:
        return stack.enter_context(LocalSandbox(slots=config.tool_workers))
    except SandboxRefusedError as refusal:
        raise InputError(f"agentic.enabled needs a sandbox: {refusal}") from refusal


class Tools(NamedTuple):
    """What a run's conversations call, and what judges the repositories they leave where they have any."""

    runner: ToolRunner
    tests: RepositoryTests | None = None


def open_tools(config: AgenticConfig, prompt: PromptConfig, stack: ExitStack) -> Tools:
    """The tools that a prompt of this kind tells of; they end with `stack`."""
    executor = open_executor(config, stack)
    if prompt.toolset == "python":
        registry = Registry([python_tool(executor, config, prompt.tools)])
        return Tools(stack.enter_context(ToolRunner(registry)))
    tests = RepositoryTests(executor, limits_of(config))
    return Tools(stack.enter_context(ToolRunner(Registry(repository_tools(tests)))), tests)
