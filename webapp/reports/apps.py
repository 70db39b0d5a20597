"""Django's handle on this app."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "webapp.reports"

    def ready(self) -> None:
        from webapp.reports.listening import on_run_moved
        from webapp.runs.signals import run_moved

        run_moved.connect(on_run_moved)
