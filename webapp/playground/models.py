"""Rows of the playground: a conversation, and its questions with all that was answered."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

TITLE_LENGTH = 160
LOST_AFTER = timedelta(seconds=720)
"""A worker gives up before that; whoever is silent for so long is gone."""


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


class State(models.TextChoices):
    """Where a question stands."""

    WAITING = "waiting", "Waiting for a worker"
    ANSWERING = "answering", "Answering"
    DONE = "done", "Answered"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"


class Question(models.Model):
    """One question of a conversation, with the responses of all its models."""

    chat = models.ForeignKey(Chat, models.CASCADE, related_name="questions")
    number = models.PositiveSmallIntegerField()
    """From 1 in its conversation."""
    start_id = models.UUIDField(unique=True)
    """Made with the form: the same form sent twice asks once. Names the folder of what is being written."""
    config = models.JSONField()
    """What is asked of whom and how, as `training.config.chat.ChatConfig`."""
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    error = models.TextField(blank=True)
    answers = models.JSONField(default=list)
    """Of each model its samples, each as the last line about it in the file (`training.chat`)."""
    chosen_model = models.PositiveSmallIntegerField(default=0)
    chosen_sample = models.PositiveSmallIntegerField(default=0)
    """The response that the conversation goes on from."""
    asked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("chat", "number")
        constraints = (models.UniqueConstraint("chat", "number", name="one_question_a_number"),)

    def __str__(self) -> str:
        return f"question {self.number} of chat {self.chat_id}"

    @property
    def text(self) -> str:
        """What was asked."""
        return str(self.config["turns"][-1]["text"])

    @property
    def reference(self) -> str:
        """The reference answer; empty for none."""
        return str(self.config.get("answer", ""))

    @property
    def folder(self) -> Path:
        """Where a worker writes while it answers."""
        return Path(settings.PLAYGROUND_DIR) / str(self.start_id)

    @property
    def is_over(self) -> bool:
        return self.state in (State.DONE, State.FAILED, State.STOPPED)

    @property
    def is_lost(self) -> bool:
        """Whether nobody answers it any more, though nobody said so."""
        return not self.is_over and timezone.now() - self.asked_at > LOST_AFTER

    @property
    def chosen(self) -> dict[str, Any] | None:
        """The response that the conversation goes on from; None while there is none."""
        try:
            found: dict[str, Any] = self.answers[self.chosen_model][self.chosen_sample]
        except (IndexError, TypeError):
            return None
        return found if found.get("text", "").strip() else None
