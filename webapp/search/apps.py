"""Django's handle on this app."""

from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "webapp.search"

    def ready(self) -> None:
        from webapp.inspection.tree_path import find_with
        from webapp.runs.signals import deleting_run
        from webapp.search.removal import on_deleting_run
        from webapp.search.rollout_path import path_of_rollout

        deleting_run.connect(on_deleting_run)
        find_with(path_of_rollout)
