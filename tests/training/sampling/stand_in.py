"""A server that stands in for vLLM's over HTTP: what it draws tells by which weights, and it remembers what it took."""

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

LOGPROB, ENTROPY = -1.5, 0.75


class StandIn:
    """Draws tokens that depend on a sample's seed and the version of the weights alone; odd seeds end by a stop id.

    Questions after its weights of the numbers in `forgets` are answered as though it were started anew; once `lost`,
    all streams break off. It dies before its samples of the numbers in `dies`, and is there again, without weights,
    when it is asked for these.
    """

    def __init__(self, vocabulary: int, context: int = 512) -> None:
        self.facts = {"vocabulary": vocabulary, "context": context, "capacity_tokens": 4 * context, "block": 16}
        self.version = -1
        self.label = "default"
        self.taken: list[tuple[int, dict[str, Tensor]]] = []
        """Version and weights, in the order they came."""
        self.forgets: set[int] = set()
        self._asked = 0
        self.lost = False
        self.dies: set[int] = set()
        self._begun = 0
        """Samples asked for."""
        self._dead = False
        self.drawn: Counter[tuple[int, int]] = Counter()
        """Samples by version and seed."""
        self.names: set[str] = set()
        """Of requests."""
        self.faults: list[str] = []
        """What no client should do."""
        self._pending: dict[str, Tensor] = {}
        self._paused = False
        self._lock = threading.Lock()

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """To anything but samples."""
        with self._lock:
            if path == "/weight_info":
                self._asked += 1
                self._dead = False
                return {"weight_version": "default" if self._asked in self.forgets else self.label}
            if path == "/collective_rpc" and body["method"] == "take_weights":
                self._pending = load_file(body["kwargs"]["path"])
                return {"results": [None]}
            if path == "/collective_rpc":
                return {"results": [self.facts]}
            if path == "/update_weight_version":
                self.label = body["new_version"]
                number = self.label.rpartition("-")[2]
                self.version = int(number) if number.isdecimal() else -1
                self.taken += [(self.version, self._pending)] if self.version >= 0 else []
            if path in ("/pause", "/resume"):
                self._paused = path == "/pause"
            return {}

    @property
    def breaks_off(self) -> bool:
        """Whether the next sample is not told."""
        with self._lock:
            self._begun += 1
            if self._begun in self.dies:
                self._dead, self.label = True, "default"
            return self.lost or self._dead

    def sample(self, body: dict[str, Any]) -> dict[str, Any]:
        """One sample, told at once."""
        params, rng = body["sampling_params"], random.Random(body["sampling_params"]["seed"] + self.version)
        with self._lock:
            self.faults += ["came twice"] if body["request_id"] in self.names else []
            self.faults += ["came during a pause"] if self._paused else []
            self.names.add(body["request_id"])
            self.drawn[self.version, params["seed"]] += 1
        stops, ends = params["stop_token_ids"], params["seed"] % 2 == 1
        count = rng.randint(2, params["max_tokens"] - 1) if ends else params["max_tokens"]
        usable = [token for token in range(self.facts["vocabulary"]) if token not in stops]
        ids = [rng.choice(usable) for _ in range(count)]
        if ends:
            ids[-1] = stops[0]
        content = [
            {"token_id": id_, "logprob": LOGPROB,
             "top_logprobs": [{"token_id": id_, "logprob": LOGPROB}, {"token_id": id_ + 1, "logprob": ENTROPY}]}
            for id_ in ids
        ]  # fmt: skip
        choice = {
            "token_ids": ids,
            "logprobs": {"content": content},
            "finish_reason": "stop" if ends else "length",
            "weight_versions": [{"version": self.label, "start": 0, "end": count}],
        }
        return {"choices": [choice], "usage": {"prompt_tokens_details": {"cached_tokens": 0}}}


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # many samples are asked for at once


@contextmanager
def stand_in(vocabulary: int) -> Iterator[tuple[StandIn, str]]:
    """The server and its address."""
    said = StandIn(vocabulary)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._tell(json.dumps(said.answer(self.path, {})))

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body, path = json.loads(sent or b"{}"), self.path.partition("?")[0]
            if path != "/inference/v1/generate":
                self._tell(json.dumps(said.answer(path, body)))
            elif said.breaks_off:
                self._tell("")
            else:
                self._tell(f"data: {json.dumps(said.sample(body))}\n\ndata: [DONE]\n\n")

        def _tell(self, text: str) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield said, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
