"""Addresses of this app."""

from django.urls import path

from webapp.inspection import views

app_name = "inspection"
urlpatterns = [
    path("runs/<int:run_id>/rollouts/", views.rollout_list, name="rollouts"),
    path("runs/<int:run_id>/rollouts/export/<str:kind>", views.export_rollouts, name="export"),
    path("runs/<int:run_id>/steps/<int:step>/", views.step_detail, name="step"),
    path("runs/<int:run_id>/reasoning/phrases", views.phrases, name="phrases"),
    path("groups/<int:group_id>/", views.group_detail, name="group"),
    path("rollouts/<int:rollout_id>/", views.rollout_detail, name="rollout"),
    path("rollouts/<int:rollout_id>/tokens/<int:token>/", views.token_why, name="why"),
    path("rollouts/compare/", views.compare_rollouts, name="compare"),
]
