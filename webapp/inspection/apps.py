"""Django's handle on this app."""

from django.apps import AppConfig


class InspectionConfig(AppConfig):
    name = "webapp.inspection"
