"""Preflights: asked once for a config, answered by the real worker's task, shown in words and pictures."""

import json
import os
import re
import time
import uuid
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from tests.webapp.runs.configure.test_pages import posted
from training.config import RunConfig
from training.config.presets import SMOKE
from webapp.core.errors import UserError
from webapp.runs.configure import figures, preflights
from workers import queue
from workers.preflight import preflight

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> list[uuid.UUID]:
    """Keys that were sent to the workers; folders of this test's own."""
    keys: list[uuid.UUID] = []
    monkeypatch.setattr(queue, "preflight", keys.append)
    settings.PREFLIGHTS_DIR = tmp_path / "preflights"
    return keys


def answer(key: uuid.UUID, **files: str) -> None:
    for name, text in files.items():
        (Path(settings.PREFLIGHTS_DIR) / str(key) / name.replace("_", ".")).write_text(text)


def report(lengths: list[int], cap: int, rewards: list[float]) -> dict[str, Any]:
    edges = [round(cap * i / 4) for i in range(5)]
    counts = [sum(low < length <= high for length in lengths) for low, high in pairwise(edges)]
    responses = [
        {"text": f"<b>{r}</b>", "reward": r, "correct": r > 0, "extracted": "1", "finish_reason": "stop", "length": n}
        for r, n in zip(rewards, lengths, strict=True)
    ]
    return {
        "method": "grpo", "prompts": 1, "responses": len(lengths), "accuracy": 0.5, "rewards": {"accuracy": 0.5},
        "reward_mean": 0.5, "equal_reward_share": 0.0, "truncated_share": 0.25, "no_answer_share": 0.0,
        "lengths": lengths, "histogram": {"edges": edges, "counts": counts}, "max_tokens": cap, "seconds": 1.0,
        "tokens_per_s": 10.0, "warnings": [{"message": "25% reach the cap.", "advice": "Raise max_tokens."}],
        "samples": [{"prompt": "1<2?", "answer": "yes", "responses": responses}],
    }  # fmt: skip


def test_the_same_config_is_asked_once(sent: list[uuid.UUID]) -> None:
    first, second = preflights.ask(SMOKE.config), preflights.ask(SMOKE.config)
    assert first.key == second.key
    assert sent == [first.key]
    assert preflights.ask(RunConfig()).key != first.key


def test_it_tells_how_far_it_is(sent: list[uuid.UUID]) -> None:
    key = preflights.ask(SMOKE.config).key
    assert preflights.read(key).state == "waiting"  # type: ignore[union-attr]
    answer(key, log_txt="loading\n\rsampling 10 %\rsampling 50 %\n\n")
    looking = preflights.read(key)
    assert looking is not None
    assert (looking.state, looking.said) == ("looking", "sampling 50 %")
    answer(key, error_txt="no such model")
    assert preflights.read(key).error == "no such model"  # type: ignore[union-attr]
    assert preflights.read(uuid.uuid4()) is None


def test_a_failed_one_is_asked_again_and_a_finished_one_when_wanted(sent: list[uuid.UUID]) -> None:
    key = preflights.ask(SMOKE.config).key
    answer(key, error_txt="no such model")
    assert preflights.ask(SMOKE.config).state == "waiting"
    answer(key, report_json=json.dumps({"method": "sft"}))
    assert preflights.ask(SMOKE.config).state == "done"
    assert preflights.ask(SMOKE.config, again=True).state == "waiting"
    assert sent == [key] * 3


def test_one_whose_worker_is_gone_is_lost_and_can_be_asked_again(sent: list[uuid.UUID]) -> None:
    key = preflights.ask(SMOKE.config).key
    config = Path(settings.PREFLIGHTS_DIR) / str(key) / "config.json"
    old = time.time() - preflights.LOST_AFTER_S - 1
    os.utime(config, (old, old))
    assert preflights.read(key).state == "lost"  # type: ignore[union-attr]
    assert preflights.ask(SMOKE.config).state == "waiting"
    log = config.with_name("log.txt")
    log.touch()
    assert preflights.read(key).state == "looking"  # type: ignore[union-attr]
    silent = time.time() - settings.HEARTBEAT_LOST_SECONDS - 1
    os.utime(log, (silent, silent))
    assert preflights.read(key).state == "lost"  # type: ignore[union-attr]


def test_nothing_is_left_behind_when_the_broker_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(key: uuid.UUID) -> None:
        raise UserError("The message broker does not answer.")

    monkeypatch.setattr(queue, "preflight", away)
    with pytest.raises(UserError):
        preflights.ask(SMOKE.config)
    assert preflights.read(preflights.key_of(SMOKE.config)) is None


def test_the_real_trainer_answers_and_the_page_shows_it(researcher_client: Client, sent: list[uuid.UUID]) -> None:
    pytest.importorskip("torch", reason="a real trainer answers")
    data = posted(SMOKE.config, **{"hardware.threads": "1"})
    html = researcher_client.post("/runs/new/preflight", data, headers={"HX-Request": "true"}).content.decode()
    address = re.search(r'hx-get="([^"]+)" hx-trigger="every 1s"', html)
    assert address
    preflight(str(sent[0]))
    html = researcher_client.get(address[1], headers={"HX-Request": "true"}).content.decode()
    assert "16 prompts, 64 responses" in html
    assert "hx-trigger" not in html
    assert len(re.findall(r'<rect class="(?:bar|beyond)"', html)) == 20
    assert "<h1>Preflight</h1>" in researcher_client.get(address[1]).content.decode()


def test_a_config_the_trainer_refuses_is_explained(
    researcher_client: Client, sent: list[uuid.UUID], tmp_path: Path
) -> None:
    problems = tmp_path / "problems.jsonl"
    problems.write_text('{"prompt": "1+1=?", "split": "train", "colour": "red"}\n')
    file = {"problems.kind": "file", "problems.file.path": str(problems), "evaluation.every_steps": "0"}
    researcher_client.post("/runs/new/preflight", posted(SMOKE.config, **file))
    preflight(str(sent[0]))
    html = researcher_client.get(f"/runs/preflights/{sent[0]}/").content.decode()
    assert "The run would fail" in html
    assert "line 1" in html


def test_what_the_form_has_to_mend_comes_first(researcher_client: Client, sent: list[uuid.UUID]) -> None:
    response = researcher_client.post("/runs/new/preflight", posted(RunConfig(), steps="0"))
    assert response.status_code == 400
    assert "Mend what the preview names first" in response.content.decode()
    assert sent == []


def test_warnings_and_model_output_are_shown_as_text(researcher_client: Client) -> None:
    key = preflights.ask(SMOKE.config).key
    answer(key, report_json=json.dumps(report([10, 20, 40, 40], 40, [0, 1, 1, 0])))
    html = researcher_client.get(f"/runs/preflights/{key}/").content.decode()
    assert "25% reach the cap." in html
    assert "Raise max_tokens." in html
    assert "<pre>&lt;b&gt;1&lt;/b&gt;</pre>" in html
    assert "<b>1</b>" not in html


def test_a_histogram_draws_counts_to_scale_and_marks_what_reached_the_cap() -> None:
    drawn = figures.length_histogram(report([5, 15, 25, 40], 40, [0, 0, 0, 0]) | {"truncated_share": 0.25})
    assert [bar.height for bar in drawn.bars] == [figures.HEIGHT - figures.FOOT] * 4
    assert [bar.beyond for bar in drawn.bars] == [False, False, False, True]
    assert drawn.cap == figures.WIDTH
    assert drawn.summary == "4 lengths: median 25 tokens, longest 40, of 40 allowed"
    taller = figures.length_histogram(report([5, 5, 5, 40], 40, [0, 0, 0, 0]))
    assert [bar.height for bar in taller.bars] == pytest.approx([76, 0, 0, 76 / 3], abs=0.01)


def test_solutions_longer_than_the_limit_stand_beyond_its_line() -> None:
    lengths = {"edges": [0, 50, 100, 150, 200], "counts": [1, 1, 0, 2]}
    drawn = figures.length_histogram({"histogram": lengths, "max_tokens": 100, "lengths": [10, 60, 180, 190]})
    assert drawn.cap == figures.WIDTH / 2
    assert [bar.beyond for bar in drawn.bars] == [False, False, True, True]


def test_rewards_are_counted_and_many_values_put_together() -> None:
    few = report([1, 1, 1], 10, [0, 1, 1])
    assert figures.reward_counts(few) == [("0", 1, 1 / 3), ("1", 2, 2 / 3)]
    many = figures.reward_counts(report([1] * 100, 10, [i / 99 for i in range(100)]))
    assert len(many) == figures.MOST_REWARDS
    assert sum(count for _, count, _ in many) == 100


def test_examples_show_the_best_and_the_worst_where_they_differ_most() -> None:
    flat, wide = (report([1, 1, 1], 10, rewards)["samples"][0] for rewards in ([1, 1, 1], [0.5, 0, 1]))
    first, second = figures.examples({"samples": [flat, wide]})
    assert [response["reward"] for response in first["shown"]] == [1, 0]
    assert second["prompt"] == flat["prompt"]
