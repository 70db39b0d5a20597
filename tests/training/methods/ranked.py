"""Reward models and DPO on small made-up rankings, put together in this process."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from tests.training.methods.parts import WatchedOptimiser
from tests.training.runs import tiny_config
from training.assembly import RewardParts, build_reward_model
from training.config import RunConfig
from training.distributed import Processes
from training.events import ListSink
from training.methods.reward_model import RewardModelTraining
from training.recorder import Recorder
from training.sources import load_problems
from training.start import new_reward_model

PROMPTS = ("2+3=?", "4*5=?", "9-4=?", "Start with 12. Add 3.", "8+8=?", "7*3=?")


def rows(count: int = 12) -> list[dict[str, Any]]:
    """Labels of three responses, two labels for every third prompt, with ties and an indifferent one."""
    made = []
    for number in range(count):
        responses = [f"<answer>{number + place}</answer>" + " so" * (place * (number % 4)) for place in range(3)]
        ranks = ([1, 2, 3], [2, 1, 2], [3, 1, 2], [1, 1, 2])[number % 4]
        label = {"prompt": f"{PROMPTS[number % 6]} ({number})", "responses": responses, "ranks": ranks}
        made.append(label | {"annotator": f"a{number % 2}", "meta": {"project": "p", "item": number + 1}})
        if number % 3 == 0:
            made.append(made[-1] | {"annotator": "b", "ranks": [2, 1, 3]})
    return made


def written(folder: Path, labels: Sequence[dict[str, Any]]) -> str:
    """A file of labels; returns its name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "labels.jsonl").write_text("".join(json.dumps(label) + "\n" for label in labels))
    return "labels.jsonl"


def ranked_config(kind: str, folder: Path, labels: Sequence[dict[str, Any]] | None = None, **method: Any) -> Any:
    """A tiny config of this method on a file in the folder."""
    path = written(folder, rows() if labels is None else labels)
    knobs = {"kind": kind, "rankings": {"kind": "file", "path": path}, "rankings_per_step": 4, "heldout_share": 0.3}
    return tiny_config(method=knobs | {"max_length": 200} | method)


def reward_training(
    config: dict[str, Any], folder: Path, **changes: Any
) -> tuple[RewardParts, RewardModelTraining, ListSink]:
    """The training, its parts, and what it says."""
    torch.set_num_threads(1)
    checked = RunConfig.model_validate(config | changes)
    sink = ListSink()
    model = new_reward_model(checked, torch.device("cpu"))
    problems = load_problems(checked, folder)
    parts = RewardParts.of(checked, problems, *model, Recorder(sink), Processes(), folder)
    optimiser = WatchedOptimiser(parts.model, checked.optimisation, checked.steps)
    parts = RewardParts(**{name: getattr(parts, name) for name in RewardParts.__slots__} | {"optimiser": optimiser})
    return parts, build_reward_model(parts), sink


__all__ = ["ExitStack", "ranked_config", "reward_training", "rows", "written"]
