"""The command line: `python -m training run RUN_DIR` trains from a config file alone."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

DONE, CRASHED, BAD_INPUT = 0, 1, 2
"""Exit codes: done or stopped; a fault of ours; a config, model or problem set that has to be put right."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    from training.errors import InputError

    try:
        return int(options.command(options))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except Exception as error:
        logging.getLogger("training").exception("the run crashed")
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        return CRASHED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description="Train a reasoning model from a config.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="train what RUN_DIR/config.json (or config.yaml) says")
    run.add_argument("folder", type=Path, metavar="RUN_DIR")
    run.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="continue after the newest checkpoint; --no-resume removes the checkpoints and starts anew",
    )
    run.set_defaults(command=_run)
    return parser


def _run(options: argparse.Namespace) -> int:
    from training.run import run
    from training.stopping import StopSignal

    stop = StopSignal()
    stop.listen()
    run(options.folder, options.resume, stop)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
