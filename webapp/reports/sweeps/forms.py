"""The fields of the dialog that starts several runs, beside those of the run's own form."""

from django import forms

from webapp.core.errors import UserError
from webapp.reports.sweeps.reading import MOST_AXES, GridAxis, read_axes, read_seeds

PLACES = range(1, MOST_AXES + 1)


class SweepForm(forms.Form):
    """What is asked besides the config. Knobs and values come in pairs, ``knob_1`` and ``values_1``."""

    prefix = "sweep"

    title = forms.CharField(max_length=120, required=False)
    seeds = forms.CharField(max_length=400, required=False)
    leave_out = forms.BooleanField(required=False)
    start_id = forms.UUIDField(required=False)
    """The same dialog sent twice starts one sweep."""
    agreed = forms.CharField(required=False)
    """The plan that was on the screen."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for place in PLACES:
            self.fields[f"knob_{place}"] = forms.CharField(max_length=200, required=False)
            self.fields[f"values_{place}"] = forms.CharField(max_length=1000, required=False)

    def asked(self) -> tuple[tuple[GridAxis, ...], tuple[int, ...]]:
        """Axes and seeds. Raises UserError for what cannot be read."""
        if not self.is_valid():
            name, messages = next(iter(self.errors.items()))
            raise UserError(f"{name.replace('_', ' ').capitalize()}: {messages[0]}")
        given = self.cleaned_data
        axes = read_axes([(given[f"knob_{place}"], given[f"values_{place}"]) for place in PLACES])
        return axes, read_seeds(given["seeds"])
