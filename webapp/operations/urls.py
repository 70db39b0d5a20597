"""Addresses for containers, load balancers and Prometheus."""

from django.urls import path

from webapp.operations import views

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics, name="metrics"),
]
