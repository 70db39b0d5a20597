"""Addresses of the new-run page, within those of runs."""

from django.urls import path

from webapp.runs.configure import side_views, views

urlpatterns = [
    path("new/", views.new, name="new"),
    path("new/preview", views.preview, name="preview"),
    path("new/import", side_views.import_config, name="import"),
    path("new/export", side_views.export, name="export"),
    path("new/preflight", side_views.preflight, name="preflight"),
    path("preflights/<uuid:key>/", side_views.preflight_result, name="preflight_result"),
    path("reference/", side_views.reference, name="reference"),
    path("reference/schema.json", side_views.schema, name="schema"),
    path("<int:run_id>/clone/", views.clone, name="clone"),
]
