"""Problem sets in rows and files: whole or not at all."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests.webapp.datasets.conftest import Make, problem
from training.problems import read_problems
from training.reading import Accepted
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.datasets import services, usage
from webapp.datasets.models import Problem, ProblemSet

pytestmark = pytest.mark.django_db


def test_it_stores_rows_counts_and_a_file_that_the_trainer_reads(make_set: Make, tmp_path: Path) -> None:
    made = make_set(count=7, solution="steps \N{EN DASH} so", level="3")
    assert (made.train_count, made.heldout_count, made.solution_count) == (5, 2, 7)
    assert list(made.problems.order_by("number").values_list("number", flat=True)) == list(range(1, 8))
    problems = read_problems(tmp_path / "problem-sets" / "plums.jsonl")
    assert len(problems) == 7
    third = problems[2]
    assert (third.id, third.prompt, third.answer) == ("plums-3", "3 plums and 3 more?", "6")
    assert (third.solution, third.split, third.level) == ("steps \N{EN DASH} so", "heldout", "3")


def test_it_writes_the_same_file_again_from_the_rows_when_it_is_missing(make_set: Make) -> None:
    made = make_set(count=5, solution="")
    path = services.problem_file(made)
    before = path.read_bytes()
    path.unlink()
    assert services.export_problem_set(made) == path
    assert path.read_bytes() == before
    assert json.loads(before.splitlines()[0])["solution"] is None


def test_it_leaves_a_file_that_is_there_alone(make_set: Make) -> None:
    made = make_set()
    services.problem_file(made).write_text("kept")
    services.export_problem_set(made)
    assert services.problem_file(made).read_text() == "kept"


def test_it_stores_nothing_when_the_rows_break_off(researcher: User, tmp_path: Path) -> None:
    def breaking() -> Iterator[Accepted]:
        yield problem(1)
        raise RuntimeError("the file ended in the middle")

    with pytest.raises(RuntimeError):
        services.store_problem_set(
            breaking(), name="Half", description="", source="", mapping={}, report={}, user=researcher
        )
    assert not ProblemSet.objects.exists()
    assert not Problem.objects.exists()
    assert list((tmp_path / "problem-sets").iterdir()) == []


def test_it_stores_nothing_when_the_file_cannot_be_written(make_set: Make, settings: Settings) -> None:
    blocker = Path(settings.PROBLEM_SETS_DIR)
    blocker.write_text("a file where the folder should be")
    with pytest.raises(UserError, match="could not be written"):
        make_set()
    assert not ProblemSet.objects.exists()


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("GSM8K train", "gsm8k-train"),
        ("aime_24", "aime-24"),
        ("\N{CJK UNIFIED IDEOGRAPH-6570}", "set"),
        ("verifier", "verifier-2"),
        ("-x-", "x"),
        ("y" * 200, "y" * 72),
    ],
)
def test_it_makes_slugs_that_configs_accept(name: str, slug: str) -> None:
    assert services.free_slug(name) == slug


def test_it_numbers_sets_of_the_same_name(make_set: Make) -> None:
    assert [make_set("Plums").slug for _ in range(3)] == ["plums", "plums-2", "plums-3"]


def test_sets_of_the_same_problems_have_the_same_hash(make_set: Make) -> None:
    same, again, other = make_set("A"), make_set("B"), make_set("C", answer="7")
    assert same.content_hash == again.content_hash != other.content_hash


def test_it_renames_without_changing_the_slug(make_set: Make) -> None:
    made = make_set()
    services.rename_problem_set(made, "Prunes", "dried")
    made.refresh_from_db()
    assert (made.name, made.description, made.slug) == ("Prunes", "dried", "plums")


def test_it_deletes_rows_and_file(
    make_set: Make, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    made = make_set()
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_problem_set(made)
    assert not Problem.objects.exists()
    assert not services.problem_file(made).exists()


def test_it_keeps_a_set_that_something_active_needs(make_set: Make) -> None:
    made = make_set()
    usage.register(lambda slug: [usage.Use(f"run on {slug}", "/runs/1/", active=True)])
    with pytest.raises(UserError, match="needed by run on plums"):
        services.delete_problem_set(made)
    assert ProblemSet.objects.filter(slug="plums").exists()
