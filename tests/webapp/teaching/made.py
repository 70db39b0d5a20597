"""Teachings in any state, with the lines their children would have written."""

import json
import uuid
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from training.config.teach import TeachConfig
from training.teaching.figures import Follower
from training.teaching.lines import Line, Written
from webapp.accounts.models import Role, User
from webapp.core.jobs import JobState
from webapp.teaching.models import TeachingJob
from webapp.teaching.services import start_teaching

ENDPOINT = {"kind": "endpoint", "base_url": "http://localhost:1/v1", "model": "wise", "price_out": 2.0}


def job_of(name: str = "Sums, solved", **config: Any) -> TeachingJob:
    """A queued one, of whoever comes first."""
    user = User.objects.first() or User.objects.create_user("alice", role=Role.RESEARCHER)
    made = TeachConfig.model_validate({"count": 3, "teacher": ENDPOINT} | config)
    with patch("workers.queue._send"):
        return start_teaching(made, name, user=user, start_id=uuid.uuid4())


def written(problem: int, text: str, refused: str = "", kind: str = "answer", **fields: Any) -> Line:
    """An answer or a rewrite; right unless it is refused as wrong."""
    values = {
        "kind": kind, "problem": problem, "sample": 0, "text": text, "correct": refused != "wrong", "refused": refused,
        "reason": "", "tokens_in": 10, "tokens_out": 20, "cost": 0.25,
    }  # fmt: skip
    return Written(**values | fields).as_line()


def with_lines(
    job: TeachingJob, lines: Sequence[Line], state: JobState = JobState.RUNNING, **fields: Any
) -> TeachingJob:
    """The job with its file, and the figures of it in its row."""
    config = job.parsed
    head = {
        "kind": "head", "problems": config.count, "samples": 1, "keep": config.sampling.keep,
        "rewrites": config.rewriter is not None, "teacher": "wise", "rewriter": "", "digest": "",
    }  # fmt: skip
    asked = [
        {"kind": "problem", "problem": n, "id": f"p{n}", "prompt": f"What is {n}+1?", "answer": str(n + 1),
         "split": "train", "level": "", "left_out": ""}
        for n in range(config.count)
    ]  # fmt: skip
    job.folder.mkdir(parents=True, exist_ok=True)
    job.lines_file.write_text("".join(json.dumps(line) + "\n" for line in [head, *asked, *lines]))
    figures = Follower(job.lines_file).figures()
    values = {"state": state, "report": figures, "done": figures["settled"], "total": figures["problems"]} | fields
    TeachingJob.objects.filter(pk=job.pk).update(**values)
    job.refresh_from_db()
    return job
