"""Rows of the playground: a conversation, and its questions with all that was answered."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse

from webapp.core.jobs import Job
from webapp.playground.answers import Answers, empty, read
from webapp.runs.models import Run

TITLE_LENGTH = 160


class Chat(models.Model):
    """A conversation with one model, or with two side by side."""

    title = models.CharField(max_length=TITLE_LENGTH)
    asked = models.JSONField()
    """One or two, as `training.config.generate.GeneratingModel`."""
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return self.title

    @property
    def names(self) -> list[str]:
        """Of its models."""
        return [each["name"] for each in self.asked]


class Question(Job):
    """One question of a conversation, with the responses of all its models.

    ``config`` is a `training.config.chat.ChatConfig`; ``done`` and ``total`` count responses. One whose worker is lost
    is answered anew by another: what was written is replaced.
    """

    noun = "question"

    chat = models.ForeignKey(Chat, models.CASCADE, related_name="questions")
    number = models.PositiveSmallIntegerField()
    """From 1 in its conversation."""
    answers = models.JSONField(default=list)
    """Of each model its samples, each as the last line about it in the file (`training.chat`); empty until its end."""
    chosen_model = models.PositiveSmallIntegerField(default=0)
    chosen_sample = models.PositiveSmallIntegerField(default=0)
    """The response that the conversation goes on from."""

    class Meta:
        ordering = ("chat", "number")
        constraints = (models.UniqueConstraint("chat", "number", name="one_question_a_number"),)
        indexes = (
            models.Index(
                fields=["id"], condition=models.Q(state__in=["queued", "running"]), name="question_unfinished"
            ),
        )

    def __str__(self) -> str:
        return f"question {self.number} of chat {self.chat_id}"

    def get_absolute_url(self) -> str:
        return f"{reverse('playground:chat', args=[self.chat_id])}#question-{self.number}"

    @property
    def folder(self) -> Path:
        """Where a worker writes while it answers; named by what the form made, and gone once it has ended."""
        return settings.PLAYGROUND_DIR / str(self.start_id)

    @property
    def answers_file(self) -> Path:
        """What the child writes."""
        return self.folder / "answers.jsonl"

    def written(self) -> Answers:
        """What its file says of each response at this moment."""
        return read(self.answers_file, self.config)

    def answers_now(self) -> Answers:
        """From its file while somebody answers it, else from its row."""
        return self.written() if self.is_unfinished else self.answers or empty(self.config)

    def kept_at_end(self) -> dict[str, Any]:
        return {"answers": self.written()}

    @property
    def text(self) -> str:
        """What was asked."""
        return str(self.config["turns"][-1]["text"])

    @property
    def reference(self) -> str:
        """The reference answer; empty for none."""
        return str(self.config.get("answer", ""))

    @property
    def chosen(self) -> dict[str, Any] | None:
        """The response that the conversation goes on from; None while there is none."""
        try:
            found: dict[str, Any] = self.answers[self.chosen_model][self.chosen_sample]
        except (IndexError, TypeError):
            return None
        return found if found.get("text", "").strip() else None


class QuestionSearch(models.Model):
    """A search at test time of a conversation's first question: an evaluation on a problem set of it alone."""

    question = models.ForeignKey(Question, models.CASCADE, related_name="searches")
    model = models.PositiveSmallIntegerField()
    """Which of the question's models searches."""
    answer = models.TextField()
    """By which the verifier guides it."""
    run = models.OneToOneField(Run, models.CASCADE, related_name="question_search")

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"search of {self.question}"
