"""Asks a model behind an API of OpenAI's shape, several requests at once, patiently and without losing an answer.

What another try may put right (timeouts, 429, faults of the server, broken answers) is tried again after longer and
longer pauses, or as long as the server asks for. What only the user can put right (the address, the key, a server that
is away) raises InputError; answers under way are still handed on first. The key never reaches a message.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

from training.config.teach import EndpointTeacher
from training.errors import InputError
from training.teaching.exchange import Exchange, GivenUpError, TryAgainError
from training.teaching.lines import Reply

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
LONGEST_ASKED_PAUSE_S = 600.0
"""Longest pause that a server's Retry-After is believed."""
MOST_FAILED = 8
"""Answers that may fail in a row, besides those under way, before nothing more is asked."""

logger = logging.getLogger("training")


class Endpoint:
    """One model behind an address. Raises InputError when the key it needs is not in the environment."""

    def __init__(self, config: EndpointTeacher) -> None:
        key = os.environ.get(config.api_key_variable, "") if config.api_key_variable else ""
        if config.api_key_variable and not key.strip():
            raise InputError(
                f"the environment variable {config.api_key_variable} is not set for the workers; set it to the key "
                "of the endpoint and start them again"
            )
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # one line a request else
        self._config = config
        self._exchange = Exchange(config, key.strip())
        self._over = threading.Event()
        self._not_before = 0.0

    def ask(
        self, prompts: Sequence[str], max_tokens: int, temperature: float, top_p: float
    ) -> Iterator[tuple[int, Reply]]:
        """A reply to each prompt with its place, as they come. Raises InputError when no further one will."""
        self._over.clear()
        bodies = enumerate(self._exchange.body(prompt, max_tokens, temperature, top_p) for prompt in prompts)
        under_way: dict[Future[Reply | GivenUpError], int] = {}
        failed, error = 0, ""
        with ThreadPoolExecutor(self._config.at_once, thread_name_prefix="endpoint") as pool:
            try:
                while True:
                    room = 0 if error else self._config.at_once - len(under_way)
                    under_way |= {pool.submit(self._patiently, body): place for place, body in islice(bodies, room)}
                    if not under_way:
                        break
                    for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                        place, reply = under_way.pop(future), future.result()
                        if isinstance(reply, GivenUpError):
                            error = error or str(reply)
                        else:
                            failed = failed + 1 if reply.failed else 0
                            if failed >= MOST_FAILED + self._config.at_once:
                                error = error or f"{failed} answers in a row failed; of the last: {reply.failed}"
                            yield place, reply
                        if error:
                            self._over.set()
            finally:
                self._over.set()  # nobody waits any longer, whoever stops listening
        if error:
            raise InputError(f"{self._config.base_url}: {error}")

    def _patiently(self, body: dict[str, object]) -> Reply | GivenUpError:
        """A reply, after as many tries as are allowed; a GivenUpError where no further request would help either."""
        reason = TryAgainError("")
        for attempt in range(self._config.retries + 1):
            if not self._wait_until_allowed():
                return GivenUpError(str(reason) or "stopped")
            try:
                return self._exchange.send(body)
            except GivenUpError as final:
                return final
            except TryAgainError as again:
                reason = again
                if attempt < self._config.retries:
                    self._pause(again, attempt)
        tries = self._config.retries + 1
        words = f"{reason} ({tries} tries)" if tries > 1 else str(reason)
        return GivenUpError(words) if reason.concerns_all else Reply(failed=words)

    def _pause(self, again: TryAgainError, attempt: int) -> None:
        """Wait before another try; what concerns all requests holds the others back too."""
        seconds = min(FIRST_PAUSE_S * 2**attempt, LONGEST_PAUSE_S) * random.uniform(0.75, 1.25)
        if again.after_s is not None:
            seconds = min(again.after_s, LONGEST_ASKED_PAUSE_S)
        logger.info("%s; asked again in %.0f s", again, seconds)
        if again.concerns_all:
            self._not_before = max(self._not_before, time.monotonic() + seconds)
        else:
            self._over.wait(seconds)

    def _wait_until_allowed(self) -> bool:
        """False when nothing more is to be asked."""
        while not self._over.is_set() and (seconds := self._not_before - time.monotonic()) > 0:
            self._over.wait(seconds)
        return not self._over.is_set()
