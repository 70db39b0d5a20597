"""Several processes at the same recipe, with connections of their own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.webapp.recipes.made import end, launched, run_of, save
from webapp.core.errors import UserError
from webapp.recipes import services
from webapp.recipes.advance import advance
from webapp.recipes.models import RecipeRun, StageRun
from webapp.recipes.status import RecipeState
from webapp.runs.models import Run
from webapp.runs.status import RunStatus, transition

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*actions: Callable[[], object]) -> None:
    """Each in a thread with a connection of its own."""

    def carry(action: Callable[[], object]) -> None:
        try:
            action()
        except UserError:
            pass  # another was faster
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions)) as pool:
        list(pool.map(carry, actions))


def begun(recipe_run: RecipeRun) -> list[str]:
    return list(StageRun.objects.filter(recipe=recipe_run).values_list("stage", flat=True))


def test_many_that_advance_a_recipe_at_once_begin_each_stage_once() -> None:
    made = launched()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("webapp.runs.signals.run_moved.send_robust", lambda *_, **__: [])
        end(run_of(made, "first"))
    at_once(*[lambda: advance(made.pk)] * 8)
    assert begun(made) == ["first", "second"]
    assert Run.objects.count() == 2


def test_a_double_click_on_launch_and_on_retry_begins_one_run_each() -> None:
    made = services.create_recipe(launched().recipe)
    at_once(*[lambda: services.launch_recipe(made)] * 4)
    assert begun(made) == ["first"]
    end(run_of(made, "first"), RunStatus.FAILED)
    at_once(*[lambda: services.resume_recipe(made, anew=True)] * 4)
    assert begun(made) == ["first", "first"]


def test_an_end_and_a_stop_at_once_stop_the_recipe_whichever_comes_first() -> None:
    made = launched()
    run = run_of(made, "first")
    transition(run.pk, RunStatus.STARTING)
    save(run, 4)
    at_once(lambda: transition(run.pk, RunStatus.SUCCEEDED), lambda: services.stop_recipe(made))
    made.refresh_from_db()
    assert made.stands == RecipeState.STOPPED
    assert not Run.objects.filter(status=RunStatus.QUEUED).exists()
