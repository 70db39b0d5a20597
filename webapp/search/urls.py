"""Addresses of this app."""

from django.urls import path

from webapp.search.views import hard_subset, listing, live, solutions, tree

app_name = "search"
urlpatterns = [
    path("trees/<int:tree_id>/", tree.tree_detail, name="tree"),
    path("trees/", listing.all_trees, name="all_trees"),
    path("trees/pins", listing.pin_ticked, name="pin_ticked"),
    path("trees/pins/<int:tree_id>", listing.pin, name="pin"),
    path("trees/export/<str:kind>", listing.export_trees, name="all_trees_export"),
    path("runs/<int:run_id>/trees/", listing.tree_list, name="trees"),
    path("runs/<int:run_id>/trees/export/<str:kind>", listing.export_trees, name="trees_export"),
    path("runs/<int:run_id>/trees/live", live.live_trees, name="live_trees"),
    path("runs/<int:run_id>/hard-subset/", hard_subset.hard_subset, name="hard_subset"),
    path("solutions/", solutions.solution_list, name="solutions"),
]
