"""Django's handle on this app."""

from django.apps import AppConfig


class TeachingConfig(AppConfig):
    name = "webapp.teaching"

    def ready(self) -> None:
        from django.db.models.signals import post_delete

        from webapp.core.jobs import remove_folder
        from webapp.datasets import usage
        from webapp.teaching.models import TeachingJob
        from webapp.teaching.uses import teachings_on

        post_delete.connect(remove_folder, sender=TeachingJob)
        usage.register(teachings_on)
