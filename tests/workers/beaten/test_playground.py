"""A question whose worker is killed is answered anew by the next one."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.workers.stack import RealStack, until
from training.config.chat import ChatConfig

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

SAMPLES = 8
CONFIG = ChatConfig.model_validate(
    {
        "models": [{"name": "first"}, {"name": "second"}],
        "turns": [{"role": "user", "text": "What is 3 plus 4?"}],
        "sampling": {"samples": SAMPLES, "max_tokens": 512, "temperature": 3.0},
        "hardware": {"threads": 1, "device": "cpu"},
    }
)
"""At this temperature hardly a response ends by itself, so there is time to kill its worker."""
ASK = """
import uuid
from training.config.chat import ChatConfig
from webapp.accounts.models import User
from webapp.playground.services import begin
begin(User.objects.create_user("asker"), ChatConfig.model_validate_json({config!r}), uuid.UUID({start!r}))
"""


def row(stack: RealStack) -> dict[str, Any]:
    names = "state", "worker", "attempt", "losses", "error", "answers"
    found = stack.ask(f"SELECT {', '.join(names)} FROM playground_question")  # noqa: S608
    return dict(zip(names, found[0], strict=True)) if found else {}


def kill_carrier(stack: RealStack) -> None:
    carrier = int(row(stack)["worker"].split(":")[-2])
    next(each for each in stack.find("celery", "--queues cpu,preflight") if each.pid == carrier).kill()


def test_a_question_whose_worker_is_killed_is_answered_anew(stack: RealStack) -> None:
    start = str(uuid.uuid4())
    written = stack.data / "playground" / start / "answers.jsonl"
    asking = "shell", "--no-imports", "-c", ASK.format(config=CONFIG.model_dump_json(), start=start)
    with ThreadPoolExecutor(1) as beside:  # a fast worker has answered before the command has ended
        asked = beside.submit(stack.manage, *asking)
        deadline = time.monotonic() + 90
        while not (written.exists() and written.stat().st_size):
            assert time.monotonic() < deadline, row(stack)
            time.sleep(0.005)
        kill_carrier(stack)
        asked.result()
    until(lambda: row(stack)["state"] in {"succeeded", "failed"}, 120, lambda: str(row(stack)))
    end = row(stack)
    assert (end["state"], end["attempt"], end["losses"]) == ("succeeded", 2, 1), end["error"]
    assert [len(samples) for samples in end["answers"]] == [SAMPLES, SAMPLES]
    assert all(len(told["ids"]) == told["length"] <= 512 for samples in end["answers"] for told in samples)
    until(lambda: not written.exists(), 60, lambda: f"{written} is still there")
