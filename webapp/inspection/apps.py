"""Django's handle on this app."""

from django.apps import AppConfig


class InspectionConfig(AppConfig):
    name = "webapp.inspection"

    def ready(self) -> None:
        from webapp.inspection.removal import on_deleting_run
        from webapp.runs.signals import deleting_run

        deleting_run.connect(on_deleting_run)
