"""Tells the datasets pages which teachings use a problem set."""

from django.urls import reverse

from webapp.datasets.usage import Use
from webapp.teaching.models import TeachingJob

MOST_USES = 100


def teachings_on(slug: str) -> list[Use]:
    """Teachings whose problems are the set's, newest first; those under way need its file."""
    jobs = TeachingJob.objects.filter(config__problems__kind="imported", config__problems__slug=slug)
    found = jobs.only("name", "state")[:MOST_USES]
    return [
        Use(f"solutions for {job.name}", reverse("teaching:job", args=[job.pk]), active=job.is_unfinished)
        for job in found
    ]
