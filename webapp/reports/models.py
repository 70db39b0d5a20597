"""Reports that users made, and which run is which seed of which arm."""

from django.conf import settings
from django.db import models

from webapp.runs.models import Run


class Report(models.Model):
    """A report's definition. A shipped one has a row as soon as runs were launched for it; its file has the say."""

    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    definition = models.JSONField()
    start_id = models.UUIDField(null=True, unique=True)
    """Made by the browser for a report that starts its runs: the same form sent twice makes one."""
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="reports")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.title


class ReportRun(models.Model):
    """The run of one seed of one arm."""

    report = models.ForeignKey(Report, models.CASCADE, related_name="runs")
    arm = models.SlugField(max_length=60)
    seed = models.PositiveIntegerField()
    run = models.ForeignKey(Run, models.CASCADE, related_name="+")
    chosen = models.BooleanField(default=False)
    """A user chose it: it counts whatever its config, and is never resumed from here."""
    followed = models.BooleanField(default=False)
    """Its run is done, and what goes on from it was begun, or cannot be."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["report", "arm", "seed"], name="report_run_once_a_seed")]

    def __str__(self) -> str:
        return f"{self.arm}, seed {self.seed}"
