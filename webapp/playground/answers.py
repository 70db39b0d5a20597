"""What a worker has written so far: lines about responses, folded into one entry for each."""

import json
from pathlib import Path
from typing import Any

from training.config.chat import ChatConfig
from webapp.playground.models import Question

ANSWERS_FILE = "answers.jsonl"

Answers = list[list[dict[str, Any]]]


def empty(config: ChatConfig) -> Answers:
    """An entry without a word for every response that there will be."""
    return [[{} for _ in range(config.sampling.samples)] for _ in config.models]


def read(path: Path, config: ChatConfig) -> Answers:
    """The latest that was written of each response; a line that is not whole yet counts for nothing."""
    found = empty(config)
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return found
    for line in lines:
        if line.endswith("\n"):
            told = json.loads(line)
            found[told["model"]][told["sample"]] = told
    return found


def answers_of(question: Question) -> Answers:
    """Of a question as it is now: from its row, or from the file while it is being answered."""
    if question.is_over:
        return question.answers or empty(ChatConfig.model_validate(question.config))
    return read(question.folder / ANSWERS_FILE, ChatConfig.model_validate(question.config))
