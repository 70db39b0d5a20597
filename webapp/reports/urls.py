"""Addresses of this app."""

from django.urls import path

from webapp.reports.sweeps import views as sweeps
from webapp.reports.views import actions, detail, exports, listing

app_name = "reports"
urlpatterns = [
    path("", listing.report_list, name="list"),
    path("new", actions.new, name="new"),
    path("sweep/plan", sweeps.plan, name="sweep_plan"),
    path("sweep/start", sweeps.start, name="sweep_start"),
    path("sweep/repeat/<int:run_id>", sweeps.repeat, name="repeat"),
    path("<slug:slug>/", detail.detail, name="detail"),
    path("<slug:slug>/live", detail.live, name="live"),
    path("<slug:slug>/launch", actions.launch, name="launch"),
    path("<slug:slug>/seeds", actions.seeds, name="seeds"),
    path("<slug:slug>/stop", actions.stop, name="stop"),
    path("<slug:slug>/delete", actions.delete, name="delete"),
    path("<slug:slug>/<str:name>", exports.export, name="export"),
]
