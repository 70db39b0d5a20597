"""Django's handle on this app."""

from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "webapp.runs"

    def ready(self) -> None:
        from webapp.datasets import usage
        from webapp.runs.problem_set_uses import runs_on

        usage.register(runs_on)
