"""Django's handle on this app."""

from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "webapp.search"

    def ready(self) -> None:
        from webapp.runs.signals import deleting_run
        from webapp.search.removal import on_deleting_run

        deleting_run.connect(on_deleting_run)
