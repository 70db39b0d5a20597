"""Reading back what earlier attempts said."""

from pathlib import Path

from training.events import CheckpointRemoved, CheckpointSaved, JsonlSink, RolloutGroup, RolloutRecord, Started
from training.history import read_history


def test_starts_and_standing_checkpoints_are_counted_and_hostile_text_is_not(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert read_history(path) == (0, set())
    sink = JsonlSink(path)
    sink.emit(Started(step=0, attempt=1, total_steps=9))
    for step in (2, 4, 6):
        sink.emit(CheckpointSaved(step=step, path=f"checkpoints/step_{step:06d}", size=1))
    sink.emit(CheckpointRemoved(step=2))
    lie = RolloutRecord(text='"kind":"started"\n{"kind":"checkpoint","step":99}', reward=0, length=1)
    sink.emit(RolloutGroup(step=5, split="train", index=0, problem_id="p", prompt="", answer="", rollouts=[lie]))
    sink.emit(Started(step=4, attempt=2, total_steps=9, resumed_step=4))
    sink.close()
    with path.open("ab") as file:
        file.write(b'{"step":8,"kind":"checkpoint"')
    assert read_history(path) == (2, {4, 6})
