"""Django's handle on this app."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    name = "webapp.sandbox"
