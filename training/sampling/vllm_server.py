"""A vLLM server, here or on another machine, as a decoder: token ids there and back over its HTTP interface.

It must have been started by `training.sampling.vllm_launch`, or with the same options. Every sample is one request to
`/inference/v1/generate`, whose tokens are streamed, so that an aborted sample keeps what it has; all requests share an
event loop in a thread of their own. New weights are loaded in place (see `vllm_weights`); the server carries a label of
those it has, so that one that was started anew is noticed.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx2
from torch import Tensor

from training.sampling.decoder import EngineLostError, Facts, Order, Progress
from training.sampling.vllm_streams import TokenStreams
from training.sampling.vllm_weights import Transfer

logger = logging.getLogger("training")

CONNECT_S = 5.0
LOADING_S = 900.0
"""Until a server must have read the weights of a large model."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
"""Between attempts to reach a server; each pause is twice the one before."""
HALF_LOADED = "half loaded"
"""Label of weights that were begun: whoever is cut off leaves nobody's."""


class VllmServer:
    """See `Decoder`: the server at `url`, which gets its weights by `transfer`.

    A server that is not there is asked again for `patience_s` seconds before EngineLostError is raised. Raises
    ValueError for one that cannot keep the contract.
    """

    def __init__(
        self,
        url: str,
        transfer: Transfer,
        patience_s: float = 60.0,
        *,
        name: str = "",
        clients: int = 1,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """`clients` of one `name` share its room, and any of them loads the weights of all.

        `check` is called now and then while the server is waited for; it may raise.
        """
        self._url = url.rstrip("/")
        self._transfer = transfer
        self.patience_s = patience_s
        self._name = name or uuid4().hex
        self._clients = clients
        self._label = ""
        self._check = check
        timeout = httpx2.Timeout(LOADING_S, connect=CONNECT_S)
        # A connection a request: these are few, and a kept one may be the one that the server is closing.
        limits = httpx2.Limits(max_keepalive_connections=0)
        self._client = httpx2.Client(base_url=self._url, timeout=timeout, limits=limits)
        self._streams = TokenStreams(self._url, CONNECT_S)
        self._await_health()
        self._facts = self._introduce()

    @property
    def facts(self) -> Facts:
        """See `Decoder`."""
        return self._facts

    def prepare(self) -> bool:
        """See `Decoder`: waits for a server that is away, and notices one that was started anew."""
        self._await_health()
        if self._label and self._ask("GET", "/weight_info")["weight_version"] == self._label:
            return True
        self._transfer.forget()
        facts = self._introduce()
        if (facts.vocabulary, facts.context) != (self._facts.vocabulary, self._facts.context):
            raise ValueError(f"the server at {self._url} has another model than before")
        self._facts = facts
        return False

    def add(self, order: Order) -> None:
        """See `Decoder`."""
        self._streams.add(order, self._label)

    def step(self) -> list[Progress]:
        """See `Decoder`: whatever the server has told since the last time."""
        return self._streams.step()

    def abort(self, keys: Sequence[int]) -> None:
        """See `Decoder`: vLLM gives up a request whose connection closes."""
        self._streams.abort(keys)

    def load(self, version: int, weights: Iterable[tuple[str, Tensor]]) -> None:
        """See `Decoder`."""
        label, self._label = self._label_of(version), ""
        self._await_health()
        self._ask("POST", "/pause", params={"mode": "wait"})
        try:
            self._say_label(HALF_LOADED)
            self._transfer.send(self._call, weights)
            self._ask("POST", "/reset_prefix_cache")
            self._say_label(label)
        finally:
            self._ask("POST", "/resume")
        self._label = label

    def took(self, version: int) -> None:
        """See `SharedDecoder`."""
        self._label = self._label_of(version)

    def rest(self) -> None:
        """See `Decoder`: a server has memory of its own and gives none back."""

    def close(self) -> None:
        """End the connections."""
        self._streams.close()
        self._client.close()

    def _introduce(self) -> Facts:
        """Have the server tell entropies, and what it holds."""
        try:
            [found] = self._call("report_entropies")[:1]
            facts = Facts(**found)
            least = min(facts.context, facts.capacity_tokens)
            return replace(facts, capacity_tokens=max(facts.capacity_tokens // self._clients, least))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"the server at {self._url} cannot be trained with: start it by "
                f"`python -m training.sampling.vllm_launch` ({error})"
            ) from error

    def _say_label(self, label: str) -> None:
        self._ask("POST", "/update_weight_version", json={"new_version": label})

    def _label_of(self, version: int) -> str:
        return f"{self._name}-{version}"

    def _call(self, method: str, /, **arguments: str | int | bool) -> list[Any]:
        """Run a method of the server's workers; returns what each says."""
        body = {"method": method, "kwargs": arguments}
        found = self._ask("POST", "/collective_rpc", json=body)
        return list(found.get("results", []))

    def _ask(self, method: str, path: str, **how: Any) -> dict[str, Any]:
        """One request and its answer. Raises EngineLostError, and ValueError when the server refuses.

        It says 500 both when it cannot do something and when its engine has died; its health tells which.
        """
        try:
            answer = self._client.request(method, path, **how)
        except httpx2.HTTPError as error:
            raise EngineLostError(self._url, f"{type(error).__name__} {error}".strip()) from error
        if answer.status_code != httpx2.codes.OK:
            said = f"{path}: {answer.status_code} {answer.text[:500]}"
            if answer.status_code >= 500 and path != "/health" and not self._is_healthy():
                raise EngineLostError(self._url, said)
            raise ValueError(f"the server at {self._url} refuses {said}")
        return dict(answer.json()) if answer.content else {}

    def _is_healthy(self) -> bool:
        try:
            self._ask("GET", "/health", timeout=CONNECT_S)
        except (EngineLostError, ValueError):
            return False
        return True

    def _await_health(self) -> None:
        """Return once the server is healthy; ask again, seldomer and seldomer, while it is not."""
        deadline, pause = time.monotonic() + self.patience_s, FIRST_PAUSE_S
        while True:
            self._check()
            try:
                self._ask("GET", "/health", timeout=CONNECT_S)
                return
            except (EngineLostError, ValueError) as error:
                if time.monotonic() + pause > deadline:
                    raise EngineLostError(self._url, f"not healthy for {self.patience_s:.0f} s: {error}") from error
                logger.warning("the vLLM server at %s does not answer; asking again in %.1f s", self._url, pause)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
