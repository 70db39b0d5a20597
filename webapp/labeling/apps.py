"""Django's handle on this app."""

from django.apps import AppConfig


class LabelingConfig(AppConfig):
    name = "webapp.labeling"

    def ready(self) -> None:
        from webapp.labeling.training_labels import label_facts, project_slugs
        from webapp.runs import label_sources

        label_sources.answer_with(label_facts, project_slugs)
