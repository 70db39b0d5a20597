"""What a worker has written so far: lines about responses, folded into one entry for each."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NUL = ("\\u0000", "\\ufffd")
"""As JSON writes them: a model may write the first, which no column of the database takes, and the second stands in."""

Answers = list[list[dict[str, Any]]]
Config = Mapping[str, Any]
"""`training.config.chat.ChatConfig` as it is stored, which may be older than what is valid today."""


def empty(config: Config) -> Answers:
    """An entry without a word for every response that there will be."""
    return [[{} for _ in range(config["sampling"]["samples"])] for _ in config["models"]]


def read(path: Path, config: Config) -> Answers:
    """The latest that was written of each response; a line that is not whole yet counts for nothing."""
    found = empty(config)
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return found
    for line in lines:
        if line.endswith("\n"):
            told = json.loads(line.replace(*NUL))
            found[told["model"]][told["sample"]] = told
    return found


def whole(answers: Answers) -> int:
    """How many responses have come to their end."""
    return sum("finish_reason" in told for samples in answers for told in samples)
