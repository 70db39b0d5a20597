"""A trainer without a model: the protocol of `python -m training run RUN_DIR`, in a tenth of a second.

What it says of a step is always the same (tests.workers.events). RUN_DIR/behaviour.json makes it misbehave, or wait
after a step (`wait_at`) until it is asked to stop or a file RUN_DIR/go appears.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.workers.events import CHECKPOINT_EVERY, group, started, step_events
from training.config import RunConfig
from training.events import CheckpointSaved, Finished, JsonlSink, Metrics


def main(folder: Path) -> int:
    """Train what config.json says."""
    total = RunConfig.model_validate_json((folder / "config.json").read_text()).steps
    behaviour = folder / "behaviour.json"
    how: dict[str, Any] = json.loads(behaviour.read_text()) if behaviour.exists() else {}
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: None if how.get("deaf") else stopping.append(number))
    if how.get("child"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        (folder / "child").write_text(str(child.pid))
    saved = sorted(int(path.name.removeprefix("step_")) for path in folder.glob("checkpoints/step_*"))
    resumed = saved[-1] if saved else None
    sink = JsonlSink(folder / "events.jsonl")
    sink.emit(started(total, resumed))
    if resumed is None:
        sink.emit(Metrics(step=0, values={"heldout/pass_at_1": 0.1}, at=100.0))
        sink.emit(group(0, 0, split="heldout"))
    for step in range((resumed or 0) + 1, total + 1):
        if step == how.get("die_at"):
            behaviour.unlink()
            die(how)
            return int(how["exit"])
        for event in step_events(step):
            if isinstance(event, CheckpointSaved):
                (folder / event.path).mkdir(parents=True, exist_ok=True)
            sink.emit(event)
        time.sleep(how.get("pause", 0.0))
        while step == how.get("wait_at") and not stopping and not (folder / "go").exists():
            time.sleep(0.02)
        if stopping and step % CHECKPOINT_EVERY == 0:
            sink.emit(Finished(step=step, reason="stopped", at=100.0 + step))
            return 0
    sink.emit(Finished(step=total, reason="done", at=100.0 + total))
    return 0


def die(how: dict[str, Any]) -> None:
    """Say the last words, and be killed if so wanted."""
    print("loading the model\rloaded the model", file=sys.stderr)
    print(how.get("words", "Traceback: something broke"), file=sys.stderr, flush=True)
    if number := how.get("signal"):
        os.kill(os.getpid(), number)
        time.sleep(10)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
