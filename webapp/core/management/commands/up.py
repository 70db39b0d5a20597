"""``manage.py up``: the whole product on one machine, until Ctrl-C."""

import os
import signal
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from webapp.core.stack.checks import CannotStart, check_folder
from webapp.core.stack.child import GaveUp
from webapp.core.stack.lock import StackLock
from webapp.core.stack.stack import Options, Stack


class Command(BaseCommand):
    """Starts what is needed, watches it, and stops all it started."""

    help = "Start the web, the workers, and an embedded PostgreSQL and Redis where no others are named."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
        parser.add_argument("--port", default=os.environ.get("PORT") or "8000", help="default: $PORT, or 8000")
        parser.add_argument("--no-demo", action="store_false", dest="demo", help="queue no demo run")

    def handle(self, *args: Any, **given: Any) -> None:
        options = Options(given["host"], _port(given["port"]), given["demo"])
        stack = Stack(options, self._say)
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGINT, _interrupt)
        try:
            check_folder(settings.ESPALIER_DATA)
            lock = StackLock(settings.ESPALIER_DATA)
            if holder := lock.take(options.address):
                self._say(f"Espalier is running already: {holder.address} (process {holder.pid})")
                return
            with lock:
                self._run(stack, options)
        except (CannotStart, GaveUp) as reason:
            raise CommandError(str(reason)) from None

    def _run(self, stack: Stack, options: Options) -> None:
        try:
            self._say(f"Starting Espalier with the data in {settings.ESPALIER_DATA} …")
            stack.start()
            self._say("", *stack.news, f"Espalier is ready:  {options.address}")
            self._say(f"Ctrl-C stops everything. Logs: {settings.ESPALIER_DATA / 'logs'}", "")
            stack.watch()
        except KeyboardInterrupt:
            self._say("", "Stopping: running training saves first …")
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            stack.stop()
            self._say("Stopped.")

    def _say(self, *lines: str) -> None:
        for line in lines:
            self.stdout.write(line)
        self.stdout.flush()


def _port(given: str) -> int:
    if not given.isdecimal() or not 0 < int(given) < 65536:
        raise CommandError(f"The port must be a number from 1 to 65535, not {given!r}.")
    return int(given)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
