"""Django's handle on this app."""

from django.apps import AppConfig


class RecipesConfig(AppConfig):
    name = "webapp.recipes"

    def ready(self) -> None:
        from webapp.recipes.listening import on_checkpoint_pruning, on_deleting_run, on_run_moved
        from webapp.runs.signals import deleting_run, pruning_checkpoint, run_moved

        run_moved.connect(on_run_moved)
        deleting_run.connect(on_deleting_run)
        pruning_checkpoint.connect(on_checkpoint_pruning)
