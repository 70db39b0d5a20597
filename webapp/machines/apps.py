"""Django's handle on this app."""

from django.apps import AppConfig


class MachinesConfig(AppConfig):
    name = "webapp.machines"
