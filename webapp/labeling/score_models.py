"""What runs that learn from rankings say of labels: which they used, how well they predict others, what they reward."""

from django.db import models

from webapp.runs.models import Run


class RankingsUsed(models.Model):
    """The labels that a run learns from, as it found them."""

    run = models.OneToOneField(Run, models.CASCADE, primary_key=True, related_name="rankings_used")
    labels = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    """SHA-256 of the file of labels."""
    repeats = models.PositiveIntegerField()
    train_items = models.PositiveIntegerField()
    heldout_items = models.PositiveIntegerField()
    too_long = models.PositiveIntegerField()
    undecided = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.labels} labels"


class PreferenceReport(models.Model):
    """How well a run predicts held-out labels at a step."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="preference_reports", db_index=False)
    step = models.PositiveIntegerField()
    report = models.JSONField()
    """The event ``training.events.RankingsScored``, without the scores."""

    class Meta:
        ordering = ["step"]
        constraints = [models.UniqueConstraint(fields=["run", "step"], name="preference_report_once_a_step")]

    def __str__(self) -> str:
        return f"step {self.step}"


class ResponseScore(models.Model):
    """The reward that a run gives a response of an item; of DPO the implicit one."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="+", db_index=False)
    step = models.PositiveIntegerField()
    item = models.ForeignKey("labeling.LabelItem", models.CASCADE, related_name="scores")
    index = models.PositiveSmallIntegerField()
    """Of the response among the item's."""
    reward = models.FloatField()
    """Mean over heads, shifted as the checkpoint of that step is."""
    spread = models.FloatField(null=True)
    """Standard deviation over heads; none with one head."""
    heldout = models.BooleanField()
    """The run never learned from the item's labels."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "step", "item", "index"], name="response_scored_once")]

    def __str__(self) -> str:
        return f"{self.reward:g}"
