"""Tools by name: what a model may call, and how a call becomes a result, whatever goes wrong."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from training.agent.parser import CallRequest
from training.agent.results import ToolResult, could_not_run
from training.agent.schema import Schema
from training.agent.workspace import Workspace


class BadArgumentsError(ValueError):
    """Arguments that a tool cannot take; the message is for the model."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. `run` gets the arguments as the model gave them, and checks them itself."""

    name: str
    schema: Schema
    run: Callable[[Mapping[str, Any], Workspace | None], Awaitable[ToolResult]]
    """Also given the repository of the conversation, if it has one. Raises BadArgumentsError; anything else it raises
    counts as the tool's own failure, not the model's."""


class Registry:
    """Tools by name."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            self.register(tool)

    def register(self, tool: Tool) -> None:
        """Offer one more. Raises ValueError when its name is taken."""
        if tool.name in self._tools:
            raise ValueError(f"there is a tool named {tool.name!r} already")
        self._tools[tool.name] = tool

    @property
    def schemas(self) -> list[Schema]:
        """Of all tools, in the order they were registered."""
        return [tool.schema for tool in self._tools.values()]

    async def call(self, request: CallRequest, workspace: Workspace | None = None) -> ToolResult:
        """The result of a call in the conversation with this repository, if it has one. Never raises."""
        if request.refusal is not None:
            return request.refusal
        tool = self._tools.get(request.name)
        if tool is None:
            return could_not_run("unknown_tool", repr(request.name))
        began = time.perf_counter()
        try:
            result = await tool.run(request.arguments, workspace)
        except BadArgumentsError as error:
            return could_not_run("bad_arguments", str(error))
        except Exception as error:  # whatever a tool raises must not end the run
            result = could_not_run("infrastructure", str(error) or type(error).__name__)
        return result if result.wall_s else replace(result, wall_s=time.perf_counter() - began)


class ToolRunner:
    """Runs calls beside the thread that asks for them, on an event loop in a thread of its own."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tools", daemon=True)
        self._thread.start()

    def start(self, request: CallRequest, workspace: Workspace | None = None) -> "Future[ToolResult]":
        """Begin a call, after those that were begun before; the future is never failed, but cancelled where the runner
        is closed first."""
        if request.refusal is not None:
            done: Future[ToolResult] = Future()
            done.set_result(request.refusal)
            return done
        return asyncio.run_coroutine_threadsafe(self.registry.call(request, workspace), self._loop)

    def close(self) -> None:
        """Cancel what runs, and end."""
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
