"""Addresses of this app."""

from django.urls import path

from webapp.search.views import hard_subset, listing, live, solutions, tree

app_name = "search"
urlpatterns = [
    path("trees/<int:tree_id>/", tree.tree_detail, name="tree"),
    path("runs/<int:run_id>/trees/", listing.tree_list, name="trees"),
    path("runs/<int:run_id>/trees/live", live.live_trees, name="live_trees"),
    path("runs/<int:run_id>/hard-subset/", hard_subset.hard_subset, name="hard_subset"),
    path("solutions/", solutions.solution_list, name="solutions"),
]
