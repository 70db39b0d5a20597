"""Django's handle on this app."""

from django.apps import AppConfig


class EvalsConfig(AppConfig):
    name = "webapp.evals"
