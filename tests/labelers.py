"""Labelers that are programs: they log in and label over HTTP, as the labeling page does."""

import http.client
import json
import re
import time
import uuid
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

PASSWORD = "correct horse battery"
PATIENCE_S = 60.0
"""How long a server may be away before a client gives up."""
RETRY_S = 0.2

Item = dict[str, Any]
"""An item as the desk sends it: prompt, and responses that are known by handles."""


class HttpLabeler:
    """One labeler at the desk of one project. Keeps its connection, and sends again what got no answer."""

    def __init__(self, port: int, username: str, project: str) -> None:
        self._port = port
        self._desk = f"/label/{project}/desk/"
        self._cookies: dict[str, str] = {}
        self._connection: http.client.HTTPConnection | None = None
        self.lost_connections = 0
        self._log_in(username)

    def next(self) -> dict[str, Any]:
        """The desk, with an item reserved if there is one."""
        return self._json("POST", f"{self._desk}next/", {})

    def submit(self, item: Item, value: dict[str, Any], seconds: float, comment: str = "") -> uuid.UUID:
        """Label an item; returns the id under which the label is stored, once the server has said so."""
        client_id = uuid.uuid4()
        body = {"client_id": str(client_id), "value": value, "seconds": seconds, "comment": comment, "next": False}
        said = self._json("POST", f"{self._desk}{item['assignment']}/submit/", body)
        assert said == {"stored": True}, said
        return client_id

    def _log_in(self, username: str) -> None:
        page = self._request("GET", "/accounts/login/")[1].decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token, "the login page has no token"
        fields = {"username": username, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        status, said = self._request(
            "POST", "/accounts/login/", urlencode(fields), {"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert status == 302, f"{username} cannot log in: {said.decode()[:500]}"

    def _json(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "X-CSRFToken": self._cookies["csrftoken"],
        }
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                status, said = self._request(method, path, json.dumps(body), headers)
            except (OSError, http.client.HTTPException):
                self.lost_connections += 1
                self._connection = None
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_S)
                continue
            assert status == 200, f"{path}: {status} {said.decode()[:500]}"
            found: dict[str, Any] = json.loads(said)
            return found

    def _request(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        self._connection.request(method, path, body, {**(headers or {}), "Cookie": cookies, "Host": "localhost"})
        answer = self._connection.getresponse()
        said = answer.read()
        for line in answer.headers.get_all("Set-Cookie") or []:
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return answer.status, said


def label_all(
    labeler: HttpLabeler, judge: Callable[[Item], dict[str, Any]], think: Callable[[], float] = lambda: 0.0
) -> list[uuid.UUID]:
    """Label until nothing is left for this labeler. ``think`` gives the seconds between an item and its label."""
    given = []
    while (item := labeler.next()["item"]) is not None:
        pause = think()
        time.sleep(pause)
        given.append(labeler.submit(item, judge(item), max(pause, 0.1)))
    return given
