"""Addresses of this app."""

from django.urls import path

from webapp.search.views import hard_subset, listing, live, solution_actions, solutions, tree

app_name = "search"
urlpatterns = [
    path("trees/<int:tree_id>/", tree.tree_detail, name="tree"),
    path("trees/<int:tree_id>.json", tree.tree_export, name="tree_export"),
    path("trees/<int:tree_id>/data", tree.tree_data, name="tree_data"),
    path("trees/<int:tree_id>/texts", tree.tree_texts, name="tree_texts"),
    path("trees/<int:tree_id>/search", tree.tree_search, name="tree_search"),
    path("trees/<int:tree_id>/nodes/<int:number>/", tree.tree_node, name="tree_node"),
    path("trees/<int:tree_id>/others", tree.tree_others, name="tree_others"),
    path("trees/compare/", tree.tree_compare, name="tree_compare"),
    path("trees/compare/match", tree.tree_match, name="tree_match"),
    path("trees/", listing.all_trees, name="all_trees"),
    path("trees/pins", listing.pin_ticked, name="pin_ticked"),
    path("trees/pins/<int:tree_id>", listing.pin, name="pin"),
    path("trees/export/<str:kind>", listing.export_trees, name="all_trees_export"),
    path("runs/<int:run_id>/trees/", listing.tree_list, name="trees"),
    path("runs/<int:run_id>/trees/export/<str:kind>", listing.export_trees, name="trees_export"),
    path("runs/<int:run_id>/trees/live", live.live_trees, name="live_trees"),
    path("runs/<int:run_id>/hard-subset/", hard_subset.hard_subset, name="hard_subset"),
    path("solutions/", solutions.solution_list, name="solutions"),
    path("solutions/export/<str:kind>", solutions.export_solutions, name="solutions_export"),
    path("solutions/set", solution_actions.make_set, name="solutions_set"),
    path("solutions/verify", solution_actions.check_older, name="verify_older"),
    path("solutions/checks/<int:check_id>/", solutions.check_progress, name="check"),
    path("solutions/compare/", solutions.compare_solutions, name="compare_solutions"),
    path("solutions/problem/<slug:problem>/", solutions.solutions_of_problem, name="problem_solutions"),
    path("solutions/problem/<slug:problem>/verify", solution_actions.check_problem, name="verify_problem"),
    path("solutions/<int:solution_id>/", solutions.solution_detail, name="solution"),
    path("solutions/<int:solution_id>/invalidate", solution_actions.invalidate, name="invalidate_solution"),
    path("solutions/<int:solution_id>/reinstate", solution_actions.reinstate, name="reinstate_solution"),
    path("solutions/<int:solution_id>/verify", solution_actions.check_solution, name="verify_solution"),
    path("runs/<int:run_id>/solutions/panel", solutions.run_panel, name="run_solutions"),
]
