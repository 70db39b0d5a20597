"""Forms of the users page."""

from django import forms

from webapp.accounts.models import User


class UserForm(forms.ModelForm):  # type: ignore[type-arg]
    """A user's name, role and whether they may log in."""

    class Meta:
        model = User
        fields = ["username", "role", "is_active"]
        labels = {"is_active": "May log in"}
        help_texts = {"is_active": "Take this away instead of deleting a user: their runs keep their name."}
