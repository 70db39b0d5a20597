"""A real HTTP server that answers as OpenAI's chat completions do, or fails as such servers fail."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass
class Said:
    """What the server sends: by default a completion with this text."""

    text: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    """The whole body, in place of a completion."""
    finish: str = "stop"
    usage: bool = True
    wait_s: float = 0.0
    drip_s: float = 0.0
    """Pause before each byte."""
    drop: bool = False
    """Break the connection without an answer."""
    message: dict[str, Any] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        choice = {"message": {"role": "assistant", "content": self.text} | self.message, "finish_reason": self.finish}
        usage = {"usage": {"prompt_tokens": 100, "completion_tokens": 20}} if self.usage else {}
        return json.dumps({"choices": [choice]} | usage).encode()


Script = Callable[[Body], Said]


class Server:
    """Its address, and what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[Body] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.http.daemon_threads = True
        self.http.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are expected
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with server._lock:
                    server.asked.append(body)
                    server.keys.append(self.headers["Authorization"])
                    server.paths.append(self.path)
                    server._now += 1
                    server.most_at_once = max(server.most_at_once, server._now)
                said = server.script(body)
                time.sleep(said.wait_s)
                with server._lock:
                    server._now -= 1
                if said.drop:
                    self.close_connection = True
                    return
                self.send_response(said.status)
                for name, value in {"Content-Type": "application/json", **said.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said.body)))
                self.end_headers()
                for byte in said.body if said.drip_s else ():
                    time.sleep(said.drip_s)
                    self.wfile.write(bytes([byte]))
                if not said.drip_s:
                    self.wfile.write(said.body)

            def log_message(self, *_: Any) -> None: ...

        return Handler


@contextmanager
def serving(script: Script) -> Iterator[Server]:
    """A server on a free port of this machine."""
    server = Server(script)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        thread.join()
        server.http.server_close()


def prompt_of(body: Body) -> str:
    """What the user's message says."""
    return str(body["messages"][-1]["content"])


def in_turn(*said: Said) -> Script:
    """One after the other; the last one for ever."""
    left = list(said)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]
