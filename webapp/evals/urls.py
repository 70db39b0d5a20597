"""Addresses of this app."""

from django.urls import path

from webapp.evals import changes, views

app_name = "evals"
urlpatterns = [
    path("", views.evaluation_list, name="list"),
    path("new/", changes.new, name="new"),
    path("compare/", views.compare_evaluations, name="compare"),
    path("problems/<str:key>/", views.problem_history, name="problem"),
    path("<int:evaluation_id>/", views.evaluation_detail, name="detail"),
    path("<int:evaluation_id>/problems.csv", views.export_problems, name="export"),
    path("<int:evaluation_id>/answers/<int:group_id>/", views.answers, name="answers"),
    path("<int:evaluation_id>/override/<int:rollout_id>/", changes.override, name="override"),
    path("<int:evaluation_id>/withdraw/<int:rollout_id>/", changes.withdraw, name="withdraw"),
]
