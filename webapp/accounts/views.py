"""The way in, and pages for passwords and users."""

from typing import cast

from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts import services
from webapp.accounts.forms import UserForm
from webapp.accounts.models import Role, User
from webapp.accounts.permissions import for_every_role, role_required, user_of


@require_GET
@for_every_role
def home(request: HttpRequest) -> HttpResponse:
    """Leads to what a user is here for: the runs, or for labelers the projects."""
    return redirect("runs:list" if user_of(request).is_viewer else "labeling:list")


class PasswordChange(auth_views.RedirectURLMixin, auth_views.PasswordChangeView):
    """One's own password; the generated one must be changed here first, on the way to what was asked for."""

    template_name = "accounts/password.html"
    next_page = "home"

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        response = super().form_valid(form)
        user = cast(User, self.request.user)
        user.must_change_password = False
        user.save(update_fields=["must_change_password"])
        messages.success(self.request, "Your password is changed.")
        return response


@role_required(Role.ADMIN)
def user_list(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/users.html", {"users": User.objects.order_by("username"), "nav": "users"})


@role_required(Role.ADMIN)
def user_create(request: HttpRequest) -> HttpResponse:
    form = UserForm(request.POST or None, initial={"role": Role.RESEARCHER})
    if form.is_valid():
        user, password = services.create_user(form.cleaned_data["username"], Role(form.cleaned_data["role"]))
        return render(request, "accounts/password_made.html", {"made_for": user, "password": password})
    return render(request, "accounts/user_form.html", {"form": form, "nav": "users"})


@role_required(Role.ADMIN)
def user_edit(request: HttpRequest, user_id: int) -> HttpResponse:
    user = get_object_or_404(User, pk=user_id)
    form = UserForm(request.POST or None, instance=user)
    if form.is_valid():
        services.save_user(cast(User, form.save(commit=False)))
        messages.success(request, f"{user.username} is saved.")
        return redirect("users")
    return render(request, "accounts/user_form.html", {"form": form, "edited": user, "nav": "users"})


@require_POST
@role_required(Role.ADMIN)
def user_reset_password(request: HttpRequest, user_id: int) -> HttpResponse:
    user = get_object_or_404(User, pk=user_id)
    password = services.reset_password(user)
    return render(request, "accounts/password_made.html", {"made_for": user, "password": password})
