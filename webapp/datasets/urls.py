"""Addresses of this app. Words that stand where a slug stands are in `services.RESERVED_SLUGS`."""

from django.urls import path

from webapp.datasets import import_views, step_views, verifier_views, views

app_name = "datasets"
urlpatterns = [
    path("", views.problem_set_list, name="list"),
    path("new/", import_views.new, name="new"),
    path("verifier/", verifier_views.verifier, name="verifier"),
    path("imports/<int:import_id>/", import_views.import_page, name="import"),
    path("imports/<int:import_id>/plan/", import_views.plan, name="import_plan"),
    path("imports/<int:import_id>/commit/", import_views.commit, name="import_commit"),
    path("imports/<int:import_id>/retry/", import_views.retry, name="import_retry"),
    path("imports/<int:import_id>/discard/", import_views.discard, name="import_discard"),
    path("imports/<int:import_id>/refused.csv", import_views.refused_csv, name="import_refused_csv"),
    path("builtin/<slug:level>/steps/", step_views.builtin_steps, name="builtin_steps"),
    path("builtin/<slug:level>/steps/totals/", step_views.builtin_totals, name="builtin_steps_totals"),
    path("<slug:slug>/", views.problem_set_detail, name="detail"),
    path("<slug:slug>/edit/", views.problem_set_edit, name="edit"),
    path("<slug:slug>/delete/", views.problem_set_delete, name="delete"),
    path("<slug:slug>/download/", views.problem_set_download, name="download"),
    path("<slug:slug>/problems/<int:number>/", views.problem_detail, name="problem"),
    path("<slug:slug>/steps/", step_views.steps, name="steps"),
    path("<slug:slug>/steps/totals/", step_views.totals, name="steps_totals"),
]
