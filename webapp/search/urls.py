"""Addresses of this app."""

from django.urls import path

from webapp.search import views

app_name = "search"
urlpatterns = [
    path("trees/<int:tree_id>/", views.tree_detail, name="tree"),
    path("runs/<int:run_id>/trees/", views.tree_list, name="trees"),
    path("runs/<int:run_id>/trees/live", views.live_trees, name="live_trees"),
    path("runs/<int:run_id>/hard-subset/", views.hard_subset, name="hard_subset"),
    path("solutions/", views.solution_list, name="solutions"),
]
