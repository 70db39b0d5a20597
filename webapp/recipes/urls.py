"""Addresses of this app."""

from django.urls import path

from webapp.recipes.configure import stage_views
from webapp.recipes.configure import views as configure
from webapp.recipes.grid import views as grid
from webapp.recipes.views import actions, curves, detail, listing, seeds

app_name = "recipes"
urlpatterns = [
    path("", listing.recipe_list, name="list"),
    path("new/", configure.new, name="new"),
    path("<int:number>/edit/", configure.edit, name="edit"),
    path("<int:number>/edit/text/", configure.edit_text, name="edit-text"),
    path("<int:number>/edit/start", configure.start, name="start"),
    path("<int:number>/recipe.yaml", configure.export, name="export"),
    path("<int:number>/stages/<slug:name>/", stage_views.edit_stage, name="edit-stage"),
    path("<int:number>/stages/<slug:name>/preview", stage_views.preview_stage, name="preview-stage"),
    path("<int:number>/", detail.detail, name="detail"),
    path("<int:number>/live", detail.live, name="live"),
    path("<int:number>/curves", curves.curves, name="curves"),
    path("<int:number>/stages/<int:stage>/steps/<int:step>/", curves.step, name="step"),
    path("<int:number>/stages/<slug:name>/anew", actions.rerun, name="rerun"),
    path("<int:number>/launch", actions.launch, name="launch"),
    path("<int:number>/stop", actions.stop, name="stop"),
    path("<int:number>/resume", actions.resume, name="resume"),
    path("<int:number>/about", actions.about, name="about"),
    path("<int:number>/clone", actions.clone, name="clone"),
    path("<int:number>/seeds/", seeds.seeds, name="seeds"),
    path("<int:number>/seeds/repeat", seeds.repeat, name="repeat"),
    path("<int:number>/seeds/stop", seeds.stop, name="seeds_stop"),
    path("<int:number>/seeds/resume", seeds.resume, name="seeds_resume"),
    path("<int:number>/grid/", grid.grid, name="grid"),
    path("<int:number>/grid/plan", grid.plan, name="grid_plan"),
    path("<int:number>/grid/start", grid.start, name="grid_start"),
    path("<int:number>/grid/stop", grid.stop, name="grid_stop"),
    path("<int:number>/grid/resume", grid.resume, name="grid_resume"),
    path("<int:number>/delete", actions.delete, name="delete"),
]
