"""Addresses of this app."""

from django.urls import path

from webapp.sandbox import views

app_name = "sandbox"
urlpatterns = [
    path("", views.page, name="page"),
    path("status/", views.status, name="status"),
    path("figures/", views.figures, name="figures"),
    path("run/", views.run, name="run"),
    path("run/<int:call_id>/", views.result, name="result"),
]
