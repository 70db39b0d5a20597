"""The pages: what they show, what they refuse, how many queries they take."""

import csv
import io
import json
import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from tests.training.reading import shapes
from tests.webapp.datasets.conftest import Make, checked, problem, upload
from webapp.accounts.models import User
from webapp.datasets import usage
from webapp.datasets.forms import UploadForm
from webapp.datasets.models import Import, ProblemSet
from webapp.datasets.services import store_problem_set

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script> \N{RIGHT-TO-LEFT OVERRIDE}abc"
ROWS = [shapes.worked(number) for number in range(1, 13)]


def text(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined, no-any-return]


def test_an_empty_list_says_what_to_do_next(researcher_client: Client) -> None:
    page = text(researcher_client.get("/datasets/"))
    assert "No problem set has been imported yet" in page
    assert 'href="/datasets/new/"' in page


def test_the_list_takes_as_many_queries_for_many_sets_as_for_one(
    researcher_client: Client, make_set: Make, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(60):
        make_set(f"Set {number}", count=1)
    with django_assert_max_num_queries(6):
        page = text(researcher_client.get("/datasets/"))
    assert page.count("/datasets/set-") == 50
    [following] = re.findall(r'rel="next" href="(\?[^"]+)"', page)
    assert text(researcher_client.get("/datasets/" + following)).count("/datasets/set-") == 10


def test_a_set_pages_through_its_problems_in_order(
    researcher_client: Client, make_set: Make, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_set(count=120)
    address, numbers = "/datasets/plums/", []
    while address:
        with django_assert_max_num_queries(6):
            page = text(researcher_client.get(address))
        numbers += [int(number) for number in re.findall(r"/datasets/plums/problems/(\d+)/", page)]
        following = re.findall(r'rel="next" href="(\?[^"]+)"', page)
        address = f"/datasets/plums/{following[0]}" if following else ""
    assert numbers == list(range(1, 121))


def test_a_set_is_searched_by_text_and_split(researcher_client: Client, make_set: Make) -> None:
    make_set(count=30)
    page = text(researcher_client.get("/datasets/plums/", {"q": "12 PLUMS", "split": "heldout"}))
    assert re.findall(r"/datasets/plums/problems/(\d+)/", page) == ["12"]
    assert "No problem matches" in text(researcher_client.get("/datasets/plums/", {"q": "pears"}))


def test_it_shows_hostile_text_as_text(researcher_client: Client, make_set: Make) -> None:
    make_set(HOSTILE[:30], prompt=HOSTILE, answer=HOSTILE, solution=HOSTILE, level=HOSTILE[:40], count=1)
    slug = ProblemSet.objects.get().slug
    for address in ("/datasets/", f"/datasets/{slug}/", f"/datasets/{slug}/problems/1/", f"/datasets/{slug}/delete/"):
        page = text(researcher_client.get(address))
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


def test_a_problem_has_an_address_and_neighbours(researcher_client: Client, make_set: Make) -> None:
    make_set(count=3)
    page = text(researcher_client.get("/datasets/plums/problems/2/"))
    assert "2 plums and 2 more?" in page
    assert 'href="/datasets/plums/problems/1/"' in page
    assert 'href="/datasets/plums/problems/3/"' in page
    assert "?problem=plums/2" in page
    assert researcher_client.get("/datasets/plums/problems/4/").status_code == 404


def test_a_set_is_downloaded_as_the_trainer_reads_it(researcher_client: Client, make_set: Make) -> None:
    make_set(count=2)
    response = researcher_client.get("/datasets/plums/download/")
    lines = b"".join(response.streaming_content).splitlines()  # type: ignore[attr-defined]
    assert [json.loads(line)["id"] for line in lines] == ["plums-1", "plums-2"]
    assert response["Content-Disposition"] == 'attachment; filename="plums.jsonl"'


def test_a_viewer_reads_but_changes_nothing(client: Client, viewer: User, researcher: User, make_set: Make) -> None:
    make_set()
    record = checked(ROWS, researcher)
    client.force_login(viewer)
    for address in ("/datasets/", "/datasets/plums/", "/datasets/plums/problems/1/", "/datasets/plums/download/"):
        assert client.get(address).status_code == 200
    assert "Import problems" not in text(client.get("/datasets/"))
    page = text(client.get("/datasets/plums/"))
    assert "Delete" not in page
    imported = f"/datasets/imports/{record.pk}/"
    for address in ("/datasets/new/", "/datasets/plums/edit/", "/datasets/plums/delete/", imported):
        assert client.get(address).status_code == 403
    for address in ("/datasets/plums/delete/", f"{imported}plan/", f"{imported}commit/", f"{imported}discard/"):
        assert client.post(address).status_code == 403
    assert ProblemSet.objects.count() == 1


def test_it_renames_and_deletes_after_asking(researcher_client: Client, make_set: Make) -> None:
    make_set()
    researcher_client.post("/datasets/plums/edit/", {"name": "Prunes", "description": "dried"})
    assert "Prunes" in text(researcher_client.get("/datasets/plums/"))
    asked = text(researcher_client.get("/datasets/plums/delete/"))
    assert "Its 3 problems and their file will be gone for ever" in asked
    assert researcher_client.post("/datasets/plums/delete/").status_code == 302
    assert researcher_client.get("/datasets/plums/").status_code == 404


def test_it_warns_of_runs_that_used_a_set_and_refuses_while_one_needs_it(
    researcher_client: Client, make_set: Make
) -> None:
    make_set()
    usage.register(lambda slug: [usage.Use("old run", "/runs/1/", False), usage.Use("new run", "/runs/2/", True)])
    page = text(researcher_client.get("/datasets/plums/delete/"))
    assert 'href="/runs/2/"' in page
    assert "disabled" in page
    response = researcher_client.post("/datasets/plums/delete/")
    assert response.status_code == 409
    assert "needed by new run" in text(response)


def test_it_imports_a_file_in_four_requests(researcher_client: Client) -> None:
    bad = [{"question": "=1+1", "answer": "none marked"}]
    sent = researcher_client.post("/datasets/new/", {"main": upload([*ROWS, *bad], "plums_of_ann.jsonl")})
    record = Import.objects.get()
    assert sent["Location"] == f"/datasets/imports/{record.pk}/"
    page = text(researcher_client.get(sent["Location"]))
    assert "Check all rows" in page
    assert "She has 1+2=3 plums." in page
    assert "In the first 13 rows of the file; nothing is imported yet." in page
    assert "13 of 13" in page

    form = {**record.plan, "heldout_percent": "25", "strip_calculator": "on", "check": "1"}
    page = text(researcher_client.post(f"{sent['Location']}plan/", form, follow=True))
    assert "Import 12 problems" in page
    assert "no \\boxed{}, &lt;answer&gt; or #### in the answer column" in page

    without = researcher_client.post(f"{sent['Location']}commit/", {"name": "Plums"})
    assert without.status_code == 422
    assert "Tick this to import the others" in text(without)
    done = researcher_client.post(f"{sent['Location']}commit/", {"name": "Plums", "without_refused": "on"})
    assert done["Location"] == "/datasets/plums/"
    assert ProblemSet.objects.get().train_count + ProblemSet.objects.get().heldout_count == 12
    assert "What became what" in text(researcher_client.get(sent["Location"]))


def test_a_changed_plan_answers_with_the_part_below_it(researcher_client: Client, researcher: User) -> None:
    record = checked(ROWS, researcher)
    address = f"/datasets/imports/{record.pk}/plan/"
    form = {**record.plan, "heldout_percent": "10", "answer_rule": "after", "answer_marker": "A:", "solution": ""}
    part = text(researcher_client.post(address, form, headers={"HX-Request": "true"}))
    assert "<html" not in part
    assert "no &#x27;A:&#x27; in the answer column" in part
    record.refresh_from_db()
    assert record.report == {}
    form["answer_marker"] = " "
    part = text(researcher_client.post(address, form, headers={"HX-Request": "true"}))
    assert "Type the text that stands before the answer" in part


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": ""}, "Choose the column that holds the question."),
        ({"prompt": "no such column"}, "Select a valid choice"),
        ({"split_mode": "column", "split": ""}, "Choose the column that says train or test."),
        ({"split_mode": "share", "heldout_percent": "99"}, "less than or equal to 90"),
        ({"split_mode": "share", "heldout_percent": ""}, "Say how many percent"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_in_words(
    researcher_client: Client, researcher: User, changes: dict[str, str], message: str
) -> None:
    record = checked(ROWS, researcher)
    form = {**record.plan, "heldout_percent": "10", **changes}
    response = researcher_client.post(f"/datasets/imports/{record.pk}/plan/", form)
    assert response.status_code == 422
    assert message in text(response)


def test_refused_rows_are_paged_and_downloaded_without_formulas(researcher_client: Client, researcher: User) -> None:
    rows = [*ROWS, *({"question": f"bad {number}"} for number in range(45))]
    record = checked(rows, researcher)
    page = text(researcher_client.get(f"/datasets/imports/{record.pk}/"))
    assert page.count("no answer</td>") == 20
    [following] = re.findall(r'rel="next" href="([^"#]+)#refused"', page)
    assert text(researcher_client.get(following)).count("no answer</td>") == 20
    record.refused_rows.filter(position=1).update(raw="=HYPERLINK(1)")
    response = researcher_client.get(f"/datasets/imports/{record.pk}/refused.csv")
    content = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    lines = list(csv.reader(io.StringIO(content)))
    assert len(lines) == 46
    assert lines[1] == ["rows.jsonl", "13", "no answer", "'=HYPERLINK(1)"]


def test_an_unreadable_file_is_refused_with_words(researcher_client: Client) -> None:
    response = researcher_client.post("/datasets/new/", {"main": upload([], "nothing.jsonl")})
    assert response.status_code == 422
    assert "empty" in text(response)
    response = researcher_client.post("/datasets/new/", {"main": upload(["no object"], "rows.jsonl")})
    assert response.status_code == 422
    assert "has no row that can be read" in text(response)


def test_a_file_that_is_too_large_is_refused_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.datasets.forms.MAX_UPLOAD_BYTES", 2**20)
    big = upload([{"question": "x" * 2**21}], "big.jsonl")
    form = UploadForm({}, {"main": big})
    assert "big.jsonl has 2 MiB; at most 1 MiB are taken" in form.errors["main"][0]


def test_an_import_page_takes_few_queries(
    researcher_client: Client, researcher: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    record = checked([*ROWS, {"question": "bad"}], researcher)
    with django_assert_max_num_queries(6):
        researcher_client.get(f"/datasets/imports/{record.pk}/")


def test_the_words_in_addresses_are_reserved(researcher: User, settings: Settings) -> None:
    from webapp.datasets.services import RESERVED_SLUGS
    from webapp.datasets.urls import urlpatterns
    from webapp.urls import urlpatterns as project_patterns

    first = {str(pattern.pattern).split("/")[0] for pattern in urlpatterns} - {"", "<slug:slug>"}
    roots = [str(pattern.pattern).split("/") for pattern in project_patterns]
    beside = {words[1] for words in roots if words[0] == "datasets"} - {""}
    assert first | beside == RESERVED_SLUGS


def test_it_finds_a_set_again_under_its_own_name(researcher: User, researcher_client: Client) -> None:
    store_problem_set([problem(1)], name="new", description="a\nb", source="s", mapping={}, report={}, user=researcher)
    assert "a<br>b" in text(researcher_client.get("/datasets/new-2/"))
