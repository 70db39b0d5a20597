"""The sandbox from a shell.

python -m training.sandbox check            which isolation this machine offers, proven
python -m training.sandbox run FILE         run a program, its input from stdin; its exit code is the program's
python -m training.sandbox serve --socket PATH   what clients start: ends with its stdin
"""

import argparse
import json
import sys
from pathlib import Path

from training.sandbox.client import LocalSandbox
from training.sandbox.pool import Pool
from training.sandbox.server import main as serve
from training.sandbox.tiers import BY_NAME
from training.sandbox.types import Call, Limits, SandboxRefusedError


def main() -> int:
    """Do what was asked; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.sandbox", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check")
    run = commands.add_parser("run")
    run.add_argument("file", type=Path)
    run.add_argument("--seconds", type=float, default=Limits().wall_s)
    server = commands.add_parser("serve")
    server.add_argument("--socket", type=Path, required=True)
    server.add_argument("--options", default="{}", type=json.loads)
    asked = parser.parse_args()
    if asked.command == "serve":
        return serve(_pool(asked.options), asked.socket)
    try:
        return _run(asked.file, asked.seconds) if asked.command == "run" else _check()
    except SandboxRefusedError as refusal:
        print(refusal, file=sys.stderr)
        return 1


def _pool(options: dict[str, object]) -> Pool:
    tiers = options.pop("tiers", None)
    chosen = [BY_NAME[name] for name in tiers] if isinstance(tiers, list) else None
    return Pool(tiers=chosen, **options)  # type: ignore[arg-type]  # plain values, as the client gave them


def _check() -> int:
    with LocalSandbox(zygotes=1) as sandbox:
        status = sandbox.status()
        print(f"programs can be run here: isolation {status.tier}, proven, with {status.python}")
    return 0


def _run(file: Path, seconds: float) -> int:
    stdin = "" if sys.stdin.isatty() else sys.stdin.read()
    call = Call("1", file.read_text(encoding="utf-8"), stdin, Limits(wall_s=seconds, cpu_s=max(1, round(seconds))))
    with LocalSandbox(zygotes=1) as sandbox:
        result = sandbox.submit(call).result()
    sys.stdout.write(result.stdout)
    sys.stderr.write(result.stderr)
    if result.value is not None:
        print(result.value)
    if result.status not in {"ok", "error"}:
        print(f"{result.status} {result.detail}".strip(), file=sys.stderr)
    return result.exit_code if result.exit_code is not None else 1


if __name__ == "__main__":
    sys.exit(main())
