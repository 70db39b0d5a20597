"""Addresses of this app."""

from django.urls import URLPattern

app_name = "inspection"
urlpatterns: list[URLPattern] = []
