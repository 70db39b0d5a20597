"""One request to an API of OpenAI's shape and its answer, with what each fault means for further ones."""

import json
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from training.config.teach import EndpointTeacher
from training.teaching.lines import Reply, storable

CONNECT_S = 15.0
MOST_BYTES = 16 << 20
SHOWN_CHARACTERS = 300
TOO_MANY = 429


class TryAgainError(Exception):
    """Another try may help, after ``after_s`` seconds where the server says so."""

    def __init__(self, message: str, concerns_all: bool = False, after_s: float | None = None) -> None:
        super().__init__(message)
        self.concerns_all = concerns_all
        """Whether all requests meet it, not this one alone."""
        self.after_s = after_s


class GivenUpError(Exception):
    """No further request will be answered until the user has put something right."""


class Exchange:
    """Sends requests to one endpoint; several threads may."""

    def __init__(self, config: EndpointTeacher, key: str) -> None:
        self._config = config
        self._key = key
        self._url = config.base_url.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx2.Timeout(config.timeout_s, connect=min(config.timeout_s, CONNECT_S))
        limits = httpx2.Limits(max_connections=config.at_once)
        self._client = httpx2.Client(headers=headers, timeout=timeout, limits=limits)

    def body(self, prompt: str, max_tokens: int, temperature: float, top_p: float) -> dict[str, object]:
        """What is sent for a prompt. Values that are the API's own defaults are left out: some models refuse them."""
        system = [{"role": "system", "content": self._config.system}] if self._config.system else []
        body: dict[str, object] = {
            "model": self._config.model,
            "messages": [*system, {"role": "user", "content": prompt}],
            self._config.length_field: max_tokens,
        }
        return (
            body | ({"temperature": temperature} if temperature != 1 else {}) | ({"top_p": top_p} if top_p != 1 else {})
        )

    def send(self, body: dict[str, object]) -> Reply:
        """The reply, one that has failed for this prompt alone included. Raises TryAgainError, and GivenUpError."""
        try:
            status, headers, raw = self._post(body)
        except httpx2.ConnectTimeout as error:
            raise TryAgainError("it cannot be reached: no connection in time", concerns_all=True) from error
        except httpx2.TimeoutException as error:
            raise TryAgainError(self._too_slow) from error
        except httpx2.ConnectError as error:
            raise TryAgainError(f"it cannot be reached: {self._safe(str(error))}", concerns_all=True) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise TryAgainError(f"the connection broke: {self._safe(str(error)) or type(error).__name__}") from error
        if status == httpx2.codes.OK:
            return self._read(raw, headers.get("content-type", ""))
        return self._refused(status, headers, raw)

    @property
    def _too_slow(self) -> str:
        return f"no answer within {self._config.timeout_s:g} s"

    def _post(self, body: dict[str, object]) -> tuple[int, httpx2.Headers, bytes]:
        """Status, headers and body; of a server that sends drop by drop no longer than the time allowed."""
        until, raw = time.monotonic() + self._config.timeout_s, b""
        with self._client.stream("POST", self._url, json=body) as response:
            for chunk in response.iter_bytes():
                raw += chunk
                if time.monotonic() > until:
                    raise TryAgainError(self._too_slow)
                if len(raw) > MOST_BYTES:
                    raise GivenUpError(f"it sent more than {MOST_BYTES >> 20} MiB in one answer; is this an API?")
        return response.status_code, response.headers, raw

    def _refused(self, status: int, headers: httpx2.Headers, raw: bytes) -> Reply:
        said = self._message(raw)
        told = f"HTTP {status}" + (f": {said}" if said else "")
        if status in (401, 403):
            variable = self._config.api_key_variable
            which = f"the key in {variable}" if variable else "requests without a key; name the variable that holds one"
            raise GivenUpError(f"it refuses {which} ({told})")
        if status == 404:
            raise GivenUpError(
                f"it knows no such address, or no model {self._config.model} ({told}); is it {self._url}?"
            )
        if 300 <= status < 400:
            raise GivenUpError(f"it sends on to {self._safe(headers.get('location', 'elsewhere'))}; give that address")
        if status == 402:
            raise GivenUpError(f"it wants to be paid first ({told})")
        if status == TOO_MANY:
            raise TryAgainError(f"it is asked too often ({told})", concerns_all=True, after_s=_retry_after(headers))
        if status >= 500 or status in (408, 409, 425):
            raise TryAgainError(f"the server failed ({told})", after_s=_retry_after(headers))
        return Reply(failed=f"it refused this request ({told})")

    def _read(self, raw: bytes, content_type: str) -> Reply:
        try:
            body = json.loads(raw)
            choice = body["choices"][0]
            message = choice["message"]
            text = _text_of(message.get("content"))
            usage = body.get("usage") or {}
            tokens = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            begins = self._safe(raw[:80].decode("utf-8", "replace"))
            message = f"its answer has not the shape of OpenAI's ({content_type or 'no type'}, begins {begins!r})"
            raise TryAgainError(message) from error
        told = [value if isinstance(value, int) and value >= 0 else None for value in tokens]
        if refusal := message.get("refusal"):
            return Reply("", True, told[0], told[1], f"the model refused: {self._safe(str(refusal))}")
        if self._config.reasoning == "keep":
            thought = _text_of(message.get("reasoning_content") or message.get("reasoning")).strip()
            text = f"<think>{thought}</think>{text}" if thought and text.strip() else text
        return Reply(text, choice.get("finish_reason") in (None, "stop"), told[0], told[1])

    def _message(self, raw: bytes) -> str:
        """What an error's body says, shortened."""
        try:
            body: Any = json.loads(raw)
        except ValueError:
            return self._safe(raw[:2000].decode("utf-8", "replace"))
        error = body.get("error", body) if isinstance(body, dict) else body
        return self._safe(str(error.get("message", error) if isinstance(error, dict) else error))

    def _safe(self, text: str) -> str:
        """On one line, short, without the key."""
        hidden = text.replace(self._key, "…") if self._key else text
        line = " ".join(hidden.split())
        return line if len(line) <= SHOWN_CHARACTERS else line[:SHOWN_CHARACTERS] + "…"


def _text_of(content: Any) -> str:
    """A message's text, of parts joined."""
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return storable(content) if isinstance(content, str) else ""


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds the server asks to wait; None when it does not say."""
    value = headers.get("retry-after", "").strip()
    try:
        return max(float(value), 0.0)
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max((when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)
