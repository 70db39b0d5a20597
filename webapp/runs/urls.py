"""Addresses of this app."""

from django.urls import include, path

from webapp.runs.views import (
    actions,
    checkpoints,
    compare,
    curves,
    detail,
    figures,
    listing,
    live,
    log,
    overoptimisation,
    saved_views,
)

app_name = "runs"
urlpatterns = [
    path("", listing.run_list, name="list"),
    path("", include("webapp.runs.configure.urls")),
    path("rows", listing.live_rows, name="rows"),
    path("demo", actions.demo, name="demo"),
    path("archive", listing.archive, name="archive"),
    path("curves", curves.curves, name="curves"),
    path("compare/", compare.compare, name="compare"),
    path("compare/<str:key>.csv", compare.metric_csv, name="compare_csv"),
    path("views/save", saved_views.save, name="view_save"),
    path("views/<int:view_id>/delete", saved_views.delete, name="view_delete"),
    path("<int:run_id>/", detail.overview, name="detail"),
    path("<int:run_id>/reasoning/", detail.reasoning, name="reasoning"),
    path("<int:run_id>/overoptimisation/", overoptimisation.overoptimisation, name="overoptimisation"),
    path("<int:run_id>/checkpoints/", checkpoints.checkpoint_list, name="checkpoints"),
    path("<int:run_id>/health/", detail.health, name="health"),
    path("<int:run_id>/log/", log.log_page, name="log"),
    path("<int:run_id>/config/", detail.config, name="config"),
    path("<int:run_id>/config.<str:kind>", detail.config_file, name="config_file"),
    path("<int:run_id>/live", live.live, name="live"),
    path("<int:run_id>/charts/<str:key>/table", figures.chart_table, name="chart_table"),
    path("<int:run_id>/charts/<str:key>.csv", figures.chart_csv, name="chart_csv"),
    path("<int:run_id>/log/chunk", log.log_chunk, name="log_chunk"),
    path("<int:run_id>/log/download", log.log_download, name="log_download"),
    path("<int:run_id>/stop", actions.stop, name="stop"),
    path("<int:run_id>/resume", actions.resume, name="resume"),
    path("<int:run_id>/edit", actions.edit, name="edit"),
    path("<int:run_id>/delete", actions.delete, name="delete"),
    path("<int:run_id>/checkpoints/<int:step>/pin", checkpoints.pin, name="checkpoint_pin"),
    path("<int:run_id>/checkpoints/<int:step>/prune", checkpoints.prune, name="checkpoint_prune"),
    path("<int:run_id>/checkpoints/<int:step>.tar", checkpoints.download, name="checkpoint_download"),
]
