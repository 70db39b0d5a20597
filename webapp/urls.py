"""Addresses: one include an app."""

from django.urls import include, path

from webapp.accounts.views import home

urlpatterns = [
    path("", home, name="home"),
    path("", include("webapp.operations.urls")),
    path("accounts/", include("webapp.accounts.urls")),
    path("datasets/teach/", include("webapp.teaching.urls")),
    path("datasets/", include("webapp.datasets.urls")),
    path("runs/", include("webapp.runs.urls")),
    path("workers/", include("webapp.runs.workers.urls")),
    path("recipes/", include("webapp.recipes.urls")),
    path("evals/", include("webapp.evals.urls")),
    path("", include("webapp.inspection.urls")),
    path("", include("webapp.search.urls")),
    path("reports/", include("webapp.reports.urls")),
    path("playground/", include("webapp.playground.urls")),
    path("sandbox/", include("webapp.sandbox.urls")),
    path("", include("webapp.labeling.run_urls")),
    path("label/", include("webapp.labeling.urls")),
]
