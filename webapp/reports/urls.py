"""Addresses of this app."""

from django.urls import path

from webapp.reports.views import actions, detail, exports, listing

app_name = "reports"
urlpatterns = [
    path("", listing.report_list, name="list"),
    path("new", actions.new, name="new"),
    path("<slug:slug>/", detail.detail, name="detail"),
    path("<slug:slug>/live", detail.live, name="live"),
    path("<slug:slug>/launch", actions.launch, name="launch"),
    path("<slug:slug>/delete", actions.delete, name="delete"),
    path("<slug:slug>/<str:name>", exports.export, name="export"),
]
