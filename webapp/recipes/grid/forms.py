"""The fields of the dialog that starts a grid of a recipe."""

from django import forms
from django.http import QueryDict

from training.config.recipe import Recipe
from webapp.core.errors import UserError
from webapp.recipes.grid.plan import StageAxis, read_stage_axes
from webapp.reports.sweeps.forms import PLACES, SweepForm
from webapp.reports.sweeps.reading import read_seeds


class GridForm(SweepForm):
    """That of several runs, with a stage for each knob: ``stage_1``, ``knob_1``, ``values_1``."""

    def __init__(self, data: QueryDict, recipe: Recipe) -> None:
        super().__init__(data)
        self._recipe = recipe
        for place in PLACES:
            self.fields[f"stage_{place}"] = forms.CharField(max_length=40, required=False)

    def asked(self) -> tuple[tuple[StageAxis, ...], tuple[int, ...]]:
        """Axes and seeds. Raises UserError for what cannot be read."""
        if not self.is_valid():
            name, messages = next(iter(self.errors.items()))
            raise UserError(f"{name.replace('_', ' ').capitalize()}: {messages[0]}")
        given = self.cleaned_data
        fields = [tuple(given[f"{part}_{place}"] for part in ("stage", "knob", "values")) for place in PLACES]
        return read_stage_axes(self._recipe, fields), read_seeds(given["seeds"])
