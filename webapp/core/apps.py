"""Django's handle on this app."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "webapp.core"
