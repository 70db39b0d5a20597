"""Django's handle on this app."""

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "webapp.operations"
