"""What the views of recipes share."""

from django.shortcuts import get_object_or_404

from webapp.recipes.models import RecipeRun


def get_recipe(number: int) -> RecipeRun:
    """The recipe, or a page that says there is none."""
    return get_object_or_404(RecipeRun.objects.select_related("created_by", "cloned_from"), pk=number)
