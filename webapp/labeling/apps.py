"""Django's handle on this app."""

from django.apps import AppConfig


class LabelingConfig(AppConfig):
    name = "webapp.labeling"
