"""Every address of the project by role: who reaches it, who is refused, who is asked to log in.

A new address must be named below, or a test fails. Each is asked for real, with objects that do not exist: whoever may
call the view gets past the check of roles, and then for example a 404.
"""

import re
import uuid
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from webapp.accounts.models import Role, User

pytestmark = pytest.mark.django_db

ANYBODY = "healthz readyz metrics login"
"""Without logging in."""

EVERY_ROLE = "home logout password_change labeling:list"

LABELERS = """
    labeling:desk labeling:desk_next labeling:desk_undo labeling:desk_submit labeling:desk_draft labeling:desk_skip
    labeling:desk_flag labeling:desk_difference
"""
"""And researchers: those who label. Viewers do not."""

VIEWERS = """
    teaching:list teaching:job
    playground:list playground:chat playground:question playground:response playground:search
    datasets:list datasets:verifier datasets:detail datasets:download datasets:problem
    datasets:steps datasets:steps_totals datasets:builtin_steps datasets:builtin_steps_totals
    runs:list runs:reference runs:schema runs:rows runs:curves runs:compare runs:compare_csv runs:view_save
    runs:view_delete runs:detail runs:reasoning runs:overoptimisation runs:checkpoints runs:health runs:log
    runs:config runs:config_file runs:live runs:chart_table runs:chart_csv runs:log_chunk runs:log_download
    runs:checkpoint_download
    evals:list evals:compare evals:problem evals:detail evals:export evals:answers
    inspection:rollouts inspection:export inspection:step inspection:phrases inspection:group inspection:rollout
    inspection:why inspection:compare
    search:tree search:tree_export search:tree_data search:tree_texts search:tree_search search:tree_node
    search:tree_others search:tree_compare search:tree_match search:all_trees search:all_trees_export search:trees
    search:trees_export search:live_trees search:hard_subset search:solutions search:solutions_export search:check
    search:compare_solutions search:problem_solutions search:solution search:run_solutions
    reports:list reports:detail reports:live reports:export
    recipes:list recipes:detail recipes:live recipes:curves recipes:step recipes:seeds recipes:grid recipes:export
    preferences:run
    workers:page workers:status
    sandbox:page sandbox:status sandbox:figures sandbox:result
    labeling:detail labeling:items labeling:item
    labeling:generate labeling:generation labeling:triangle labeling:triangle_steps labeling:triangle_changes
    labeling:agreement labeling:strengths labeling:adjudicate
"""
"""And researchers: those who see pages. Labelers do not."""

RESEARCHERS = """
    playground:stop playground:again playground:start_search playground:delete playground:choose playground:label
    teaching:estimate teaching:stop teaching:go_on teaching:delete
    datasets:new datasets:import datasets:import_plan datasets:import_commit datasets:import_retry
    datasets:import_discard datasets:import_refused_csv datasets:edit datasets:delete
    runs:new runs:preview runs:import runs:export runs:preflight runs:preflight_result runs:clone runs:demo
    runs:archive runs:stop runs:resume runs:edit runs:delete runs:checkpoint_pin runs:checkpoint_prune
    evals:new evals:override evals:withdraw
    search:pin_ticked search:pin search:solutions_set search:verify_older search:verify_problem
    search:invalidate_solution search:reinstate_solution search:verify_solution
    reports:new reports:launch reports:delete reports:seeds reports:stop reports:sweep_plan reports:sweep_start
    reports:repeat
    recipes:launch recipes:stop recipes:resume recipes:rerun recipes:about recipes:clone recipes:delete
    recipes:repeat recipes:seeds_stop recipes:seeds_resume recipes:grid_plan recipes:grid_start
    recipes:grid_stop recipes:grid_resume
    recipes:new recipes:edit recipes:edit-text recipes:start recipes:edit-stage recipes:preview-stage
    sandbox:run
    labeling:new labeling:preview labeling:edit labeling:open labeling:delete labeling:aside labeling:import
    labeling:import_preview labeling:from_run labeling:from_trees
    labeling:generation_stop labeling:generation_go_on
    labeling:adjudicate_decide labeling:adjudicate_withdraw
    labeling:export labeling:export_rows labeling:export_card labeling:export_file
"""

ADMINS = "users user_create user_edit user_reset_password"

OPEN_TO = {
    ANYBODY: {None, *Role},
    EVERY_ROLE: set(Role),
    LABELERS: {Role.LABELER, Role.RESEARCHER, Role.ADMIN},
    VIEWERS: {Role.VIEWER, Role.RESEARCHER, Role.ADMIN},
    RESEARCHERS: {Role.RESEARCHER, Role.ADMIN},
    ADMINS: {Role.ADMIN},
}
OPEN, REFUSED, LOGIN = "open", "refused", "asked to log in"
SAMPLES = {"int": "4000000", "slug": "none", "str": "none", "uuid": str(uuid.UUID(int=0)), "path": "none"}


def addresses() -> dict[str, str]:
    """An address of each view of the project, by the view's name."""
    return dict(_walk(get_resolver().url_patterns, "", "/"))


def _walk(patterns: list[URLPattern | URLResolver], space: str, before: str) -> Iterator[tuple[str, str]]:
    for each in patterns:
        address = before + re.sub(r"<(?:(\w+):)?\w+>", lambda found: SAMPLES[found[1] or "str"], str(each.pattern))
        if isinstance(each, URLResolver):
            yield from _walk(each.url_patterns, f"{each.namespace}:" if each.namespace else space, address)
        else:
            assert each.name, address
            yield space + each.name, address


def test_every_address_is_in_the_table_once() -> None:
    named = [name for names in OPEN_TO for name in names.split()]
    assert sorted(named) == sorted(addresses())


@pytest.mark.parametrize("role", [*Role, None], ids=lambda role: role or "stranger")
def test_each_address_opens_to_the_roles_of_the_table(client: Client, role: Role | None) -> None:
    user = User.objects.create_user("somebody", role=role) if role else None
    expected = {
        name: OPEN if role in roles else REFUSED if role else LOGIN
        for names, roles in OPEN_TO.items()
        for name in names.split()
    }
    found = {}
    for name, address in addresses().items():
        if user:
            client.force_login(user)
        found[name] = asked(client, address)
    assert found == expected


def asked(client: Client, address: str) -> str:
    """What becomes of a request, by the method that the view takes."""
    response = client.get(address)
    if response.status_code == 405:
        response = client.post(address)
    if response.status_code == 302 and response["Location"].startswith("/accounts/login/?next"):
        return LOGIN
    return REFUSED if response.status_code == 403 else OPEN


def test_labelers_are_led_to_their_projects_and_see_no_other_way(client: Client) -> None:
    client.force_login(User.objects.create_user("lea", role=Role.LABELER))
    page = client.get("/", follow=True)
    assert page.redirect_chain == [("/label/", 302)]
    nav = re.search(r"<nav.*?</nav>", page.content.decode(), re.DOTALL)
    assert nav
    assert re.findall(r'href="([^"]+)"', nav[0]) == ["/label/"]


def test_a_refusal_says_which_role_is_missing(client: Client) -> None:
    client.force_login(User.objects.create_user("lea", role=Role.LABELER))
    page = client.get("/runs/")
    assert page.status_code == 403
    assert "needs the role viewer; you are a labeler" in page.content.decode()
    fragment = client.get("/runs/", headers={"HX-Request": "true"}).content.decode()
    assert "needs the role viewer" in fragment
    assert "<html" not in fragment
    asked = client.get("/runs/", headers={"Accept": "application/json"})
    assert asked.status_code == 403
    assert "needs the role viewer" in asked.json()["error"]


def test_others_are_led_to_the_runs(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    assert client.get("/")["Location"] == "/runs/"
