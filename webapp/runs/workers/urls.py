"""Addresses of the workers' page."""

from django.urls import path

from webapp.runs.workers import views

app_name = "workers"
urlpatterns = [
    path("", views.page, name="page"),
    path("status/", views.status, name="status"),
]
