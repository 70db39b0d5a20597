"""Addresses of this app, below ``/datasets/teach/``."""

from django.urls import path

from webapp.teaching import views

app_name = "teaching"
urlpatterns = [
    path("", views.teachings, name="list"),
    path("estimate/", views.estimated, name="estimate"),
    path("<int:job_id>/", views.job, name="job"),
    path("<int:job_id>/stop/", views.stop, name="stop"),
    path("<int:job_id>/go-on/", views.go_on, name="go_on"),
    path("<int:job_id>/delete/", views.delete, name="delete"),
]
