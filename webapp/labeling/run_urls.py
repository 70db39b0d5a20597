"""Addresses of pages of runs that belong to labeling: runs know nothing of labels."""

from django.urls import path

from webapp.labeling.views import preferences

app_name = "preferences"
urlpatterns = [path("runs/<int:run_id>/preferences/", preferences.run_preferences, name="run")]
