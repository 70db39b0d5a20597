"""Django's handle on this app."""

from django.apps import AppConfig


class PlaygroundConfig(AppConfig):
    name = "webapp.playground"

    def ready(self) -> None:
        from django.db.models.signals import post_delete

        from webapp.core.jobs import remove_folder
        from webapp.playground.models import Question

        post_delete.connect(remove_folder, sender=Question)
