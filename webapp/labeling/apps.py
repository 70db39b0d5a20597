"""Django's handle on this app."""

from django.apps import AppConfig


class LabelingConfig(AppConfig):
    name = "webapp.labeling"

    def ready(self) -> None:
        from django.db.models.signals import post_delete

        from webapp.core.jobs import remove_folder
        from webapp.labeling.generation.job import GenerationJob
        from webapp.labeling.training_labels import label_facts, project_names
        from webapp.runs import label_sources

        post_delete.connect(remove_folder, sender=GenerationJob)
        label_sources.answer_with(label_facts, project_names)
