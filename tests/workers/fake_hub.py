"""A server that answers as the Hugging Face hub does, for the few requests a download makes."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar
from urllib.parse import unquote, urlsplit

Repositories = dict[str, dict[str, dict[str, bytes]]]
"""Contents by data set name, revision and path."""


@contextmanager
def running_hub(repositories: Repositories) -> Iterator[str]:
    """The address of a hub that has these data sets; ``gated/…`` ones need a token nobody has."""
    handler = type("Handler", (_Handler,), {"repositories": repositories})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    repositories: ClassVar[Repositories] = {}

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Quiet."""

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        if path.startswith("/api/datasets/"):
            name, _, revision = path.removeprefix("/api/datasets/").partition("/tree/")
            self._answer_tree(unquote(name), unquote(revision.strip("/")))
        else:
            name, _, rest = path.removeprefix("/datasets/").partition("/resolve/")
            revision, _, file = rest.partition("/")
            content = self.repositories[unquote(name)][unquote(revision)][unquote(file)]
            self._send(200, content, ETag=f'"{hashlib.sha256(content).hexdigest()}"', **{"X-Repo-Commit": "c" * 40})

    def _answer_tree(self, name: str, revision: str) -> None:
        if name.startswith("gated/"):
            return self._send(403, b"{}", **{"X-Error-Code": "GatedRepo"})
        if name not in self.repositories:
            return self._send(404, b"{}", **{"X-Error-Code": "RepoNotFound"})
        if revision not in self.repositories[name]:
            return self._send(404, b"{}", **{"X-Error-Code": "RevisionNotFound"})
        files = self.repositories[name][revision]
        tree = [{"type": "file", "path": path, "size": len(data), "oid": "0" * 40} for path, data in files.items()]
        return self._send(200, json.dumps(tree).encode(), **{"Content-Type": "application/json"})

    def _send(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)
