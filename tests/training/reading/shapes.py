"""Small files in the shapes that public problem sets come in, written for the tests."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.reading import Source, detect_format

CHAT = pa.list_(pa.struct([("content", pa.string()), ("role", pa.string())]))
NESTED = pa.schema(
    [
        ("data_source", pa.string()),
        ("prompt", CHAT),
        ("reward_model", pa.struct([("ground_truth", pa.string()), ("style", pa.string())])),
        ("extra_info", pa.struct([("difficulty", pa.float64()), ("index", pa.int64())])),
    ]
)


def worked(number: int) -> dict[str, Any]:
    """A row of worked solutions with calculator marks and a final ``####``."""
    return {
        "question": f"Ann has {number} plums and buys 2 more. How many has she?",
        "answer": f"She has {number}+2=<<{number}+2={number + 2}>>{number + 2} plums.\n#### {number + 2}",
    }


def contest(number: int, answer: object) -> dict[str, Any]:
    """A row of a contest set: ``answer`` may be a text or a float."""
    return {"id": number, "problem": f"Find ${number} + 1$.", "answer": answer, "url": f"/wiki/{number}"}


def nested(number: int, difficulty: float = 6.5) -> dict[str, Any]:
    """A row of a Parquet file whose prompt is a chat and whose answer is nested."""
    return {
        "data_source": "plums",
        "prompt": [{"content": f"What is $\\sqrt{{{number}}}^2$? Put it into \\boxed{{}}.", "role": "user"}],
        "reward_model": {"ground_truth": str(number), "style": "rule"},
        "extra_info": {"difficulty": difficulty, "index": number},
    }


def stepped(number: int, **changes: Any) -> dict[str, Any]:
    """A row whose expert solves in steps with numbers and titles."""
    row = {
        "question": f"What is ({number} + 1)^2?",
        "solution": str((number + 1) ** 2),
        "deepseek_attempt": (
            f"1. **Find the sum** {number} + 1 = {number + 1}.\n"
            f"2. **Square it** It is \\boxed{{{(number + 1) ** 2}}}.\n"
        ),
    }
    return {**row, **changes}


def transcript(number: int) -> list[dict[str, Any]]:
    """Messages of an agent that calls a tool twice and then answers."""

    def call(place: int, command: str) -> dict[str, Any]:
        function = {"name": "bash", "arguments": json.dumps({"command": command})}
        return {"id": f"call_{place}", "type": "function", "function": function}

    return [
        {"role": "system", "content": "You can call bash."},
        {"role": "user", "content": f"How large is file {number}?"},
        {"role": "assistant", "content": "I look.", "tool_calls": [call(1, f"ls {number}")]},
        {"role": "tool", "tool_call_id": "call_1", "content": f"out {number}"},
        {"role": "assistant", "content": None, "tool_calls": [call(2, f"wc {number}")]},
        {"role": "tool", "tool_call_id": "call_2", "content": f"{number} bytes"},
        {"role": "assistant", "content": f"It has {number} bytes."},
    ]


def jsonl(path: Path, rows: Iterable[Any]) -> Source:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return source(path)


def parquet(path: Path, rows: Iterable[dict[str, Any]]) -> Source:
    pq.write_table(pa.Table.from_pylist(list(rows), schema=NESTED), path)
    return source(path)


def text(path: Path, content: str) -> Source:
    path.write_text(content, encoding="utf-8")
    return source(path)


def source(path: Path) -> Source:
    return Source(path, detect_format(path, path.name), path.name)
