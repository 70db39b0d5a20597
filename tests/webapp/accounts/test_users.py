"""Who may do what, and that nobody locks everybody out."""

import pytest
from django.test import Client

from webapp.accounts.models import Role, User

PASSWORD = "correct horse battery"


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.ADMIN, {Role.ADMIN, Role.RESEARCHER, Role.LABELER, Role.VIEWER}),
        (Role.RESEARCHER, {Role.RESEARCHER, Role.LABELER, Role.VIEWER}),
        (Role.LABELER, {Role.LABELER}),
        (Role.VIEWER, {Role.VIEWER}),
    ],
)
def test_a_role_includes_those_that_it_grants(role: Role, may: set[Role]) -> None:
    assert {each for each in Role if User(role=role).has_role(each)} == may


@pytest.mark.django_db
def test_it_asks_strangers_to_log_in(client: Client) -> None:
    response = client.get("/runs/")
    assert response.status_code == 302
    assert response["Location"] == "/accounts/login/?next=/runs/"


def test_it_lets_only_admins_see_users(researcher_client: Client) -> None:
    response = researcher_client.get("/accounts/users/")
    assert response.status_code == 403
    assert "needs the role admin" in response.content.decode()


def test_it_leads_to_the_password_page_while_the_password_is_generated(client: Client, admin: User) -> None:
    admin.must_change_password = True
    admin.save()
    client.force_login(admin)
    way = client.get("/accounts/users/?sort=role")["Location"]
    assert way == "/accounts/password/?next=%2Faccounts%2Fusers%2F%3Fsort%3Drole"
    assert client.post("/runs/demo")["Location"] == "/accounts/password/", "nothing to come back to"
    new = "a sentence nobody guesses 7"
    change = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post(way, change)["Location"] == "/accounts/users/?sort=role"
    assert client.get("/accounts/users/").status_code == 200


def test_a_new_password_leads_to_no_other_site(client: Client, admin: User) -> None:
    client.force_login(admin)
    new = "a sentence nobody guesses 7"
    change = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/accounts/password/?next=//evil.example/", change)["Location"] == "/"


def test_a_new_user_gets_a_password_that_works_and_must_be_changed(client: Client, admin: User) -> None:
    client.force_login(admin)
    page = client.post("/accounts/users/new/", {"username": "lea", "role": "labeler", "is_active": "on"})
    password = page.context["password"]
    assert password in page.content.decode()
    user = User.objects.get(username="lea")
    assert user.check_password(password)
    assert user.must_change_password


def test_it_refuses_to_take_away_the_last_admin(client: Client, admin: User) -> None:
    client.force_login(admin)
    page = client.post(f"/accounts/users/{admin.pk}/", {"username": "ada", "role": "viewer", "is_active": "on"})
    assert page.status_code == 400
    assert "last admin" in page.content.decode()
    admin.refresh_from_db()
    assert admin.role == Role.ADMIN


def test_an_admin_may_step_down_when_another_stays(client: Client, admin: User) -> None:
    User.objects.create_user("bea", password=PASSWORD, role=Role.ADMIN)
    client.force_login(admin)
    client.post(f"/accounts/users/{admin.pk}/", {"username": "ada", "role": "viewer", "is_active": "on"})
    admin.refresh_from_db()
    assert admin.role == Role.VIEWER
