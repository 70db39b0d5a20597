"""Forms of the users page."""

from django import forms

from webapp.accounts.models import User


class UserForm(forms.ModelForm):  # type: ignore[type-arg]
    """A user's name, role and whether they may log in."""

    class Meta:
        model = User
        fields = ["username", "role", "is_active"]
        labels = {"is_active": "May log in"}
        help_texts = {
            "role": "Viewers see all pages and change nothing. Labelers see the label projects they may label in, and "
            "nothing else. Researchers do both, and start runs and projects. Admins manage users as well.",
            "is_active": "Take this away instead of deleting a user: their runs keep their name.",
        }
