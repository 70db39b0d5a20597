"""Makes items of what the models wrote: for each prompt the different responses of all models."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.config import CheckpointModel
from training.config.generate import GeneratingModel, GenerationConfig, SetPrompts
from webapp.labeling.choices import Mode
from webapp.labeling.items import ItemDraft, ResponseDraft, why_not

Line = dict[str, Any]


@dataclass(slots=True)
class Assembled:
    """Items to be added, and what became of the rest: counts by name, as ``GenerationJob.report`` says."""

    drafts: list[ItemDraft] = field(default_factory=list)
    report: dict[str, int] = field(default_factory=dict)


def progress_of(path: Path) -> tuple[int, int]:
    """How many answers are there, and how many there will be; (0, 0) before that is known."""
    try:
        with path.open("rb") as file:
            head = file.readline()
            if not head.endswith(b"\n"):
                return 0, 0
            told = json.loads(head)
            return sum(line.endswith(b"\n") for line in file), told["prompts"] * told["models"]
    except FileNotFoundError:
        return 0, 0


def assemble(config: GenerationConfig, mode: Mode, path: Path, job: int, runs: Collection[int] = ()) -> Assembled:
    """The items of a finished file. Of checkpoints only those of ``runs`` are still there to be named."""
    counts: Counter[str] = Counter()
    made = Assembled()
    by_prompt: dict[int, list[Line]] = {}
    for line in _lines(path):
        by_prompt.setdefault(line["prompt"], []).append(line)
    wanted = len(config.models) * config.sampling.samples
    for number in sorted(by_prompt):
        draft = _draft(config, by_prompt[number], counts, job, runs)
        if why_not(mode, draft):
            counts["left_out"] += 1
            continue
        counts["short"] += len(draft.responses) < wanted
        counts["responses"] += len(draft.responses)
        made.drafts.append(draft)
    made.report = {name: counts[name] for name in ("responses", "short", "left_out", "same", "too_long")}
    made.report["items"] = len(made.drafts)
    return made


def _draft(
    config: GenerationConfig, lines: Iterable[Line], counts: Counter[str], job: int, runs: Collection[int]
) -> ItemDraft:
    """The item of one prompt; of equal responses the first counts."""
    responses: dict[str, ResponseDraft] = {}
    first: Line = {}
    for line in lines:
        first = first or line
        counts["too_long"] += not line["fits"]
        model = config.models[line["model"]]
        for response in line["responses"]:
            text = response["text"].strip()
            if "\0" in text:
                continue  # no database text can hold it
            counts["same"] += text in responses
            responses.setdefault(text, _response(response, model, runs))
    origin = {"generation": job, "problem": first["problem_id"]}
    if isinstance(config.prompts, SetPrompts):
        origin |= {"problems": config.prompts.problems.model_dump(mode="json"), "split": config.prompts.split}
    return ItemDraft(first["text"], list(responses.values()), first["answer"], origin)


def _response(response: Line, model: GeneratingModel, runs: Collection[int]) -> ResponseDraft:
    source = model.source
    checkpoint = source if isinstance(source, CheckpointModel) and source.run in runs else None
    return ResponseDraft(
        text=response["text"],
        source=model.name,
        correct=response["correct"],
        length=response["length"],
        run_id=checkpoint.run if checkpoint else None,
        step=checkpoint.step if checkpoint else None,
    )


def _lines(path: Path) -> Iterator[Line]:
    with path.open(encoding="utf-8") as file:
        next(file)
        yield from map(json.loads, file)
