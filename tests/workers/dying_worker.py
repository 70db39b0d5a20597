"""A worker of its own process that carries one run of a recipe: `dying_worker.py RUN`.

It is killed within the transaction that begins the next stage.
"""

import os
import signal
import sys
from typing import Any

import django


def die(*_: Any) -> None:
    """As the kernel's killer does it: no handler runs, nothing is committed."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(run_id: int) -> None:
    """Carry the run to its end, and no further."""
    django.setup()
    from webapp.recipes import advance
    from workers.runs import supervise

    advance.launch_run = die
    supervise(run_id)


if __name__ == "__main__":
    main(int(sys.argv[1]))
