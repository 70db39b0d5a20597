"""Addresses of this app. Words that stand where a slug stands are in `projects.RESERVED_SLUGS`."""

from django.urls import path

from webapp.labeling.views import projects

app_name = "labeling"
urlpatterns = [
    path("", projects.project_list, name="list"),
]
