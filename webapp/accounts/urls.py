"""Addresses for logging in and out, passwords and users."""

from django.contrib.auth import views as auth_views
from django.urls import path

from webapp.accounts import views
from webapp.accounts.permissions import for_every_role

urlpatterns = [
    path("login/", auth_views.LoginView.as_view(template_name="accounts/login.html"), name="login"),
    path("logout/", for_every_role(auth_views.LogoutView.as_view()), name="logout"),
    path("password/", for_every_role(views.PasswordChange.as_view()), name="password_change"),
    path("users/", views.user_list, name="users"),
    path("users/new/", views.user_create, name="user_create"),
    path("users/<int:user_id>/", views.user_edit, name="user_edit"),
    path("users/<int:user_id>/password/", views.user_reset_password, name="user_reset_password"),
]
