"""Events become rows exactly once, whoever dies, and a replay gives the same rows."""

import base64
import math
import random
import statistics
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from django.db import OperationalError, connection, transaction

from tests.workers import rows
from tests.workers.events import floats, group, metrics, started, step_events, undisturbed
from tests.workers.following import catch_up, new_run, say
from training.events import TOKEN_ARRAYS, Alert, ExpertRecord, Metrics, RolloutGroup, RolloutRecord
from webapp.inspection import models as inspection
from webapp.runs import models, services
from webapp.runs.models import MetricPoint, MetricRollup, Run
from workers import ingest as ingester
from workers.ingest import Superseded, ingest, rebuild

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def reference(django_db_setup: None, django_db_blocker: object) -> dict[str, list[object]]:
    """Rows of a run of 23 steps that nothing disturbed."""
    with django_db_blocker.unblock(), transaction.atomic():  # type: ignore[attr-defined]
        run = new_run()
        say(run, undisturbed(23))
        catch_up(run)
        found = rows.of_run(run)
        transaction.set_rollback(True)
    return found


def test_every_event_becomes_its_rows(reference: dict[str, list[object]]) -> None:
    assert [len(reference[table]) for table in ("points", "groups", "rollouts", "alerts")] == [47, 47, 141, 5]
    assert reference["run"][:2] == [23, 23]
    assert reference["checkpoints"] == [
        (5, "checkpoints/step_000005", 1 / 6, False, False),
        (10, "checkpoints/step_000010", 1.0, True, True),
        (15, "checkpoints/step_000015", 1 / 6, False, True),
        (20, "checkpoints/step_000020", 1 / 11, False, True),
    ]
    step, split, index, _, text, answer, *_, mean, std, correct, length = reference["groups"][1]  # type: ignore[misc]
    assert (step, split, index, text, answer, correct, length) == (1, "train", 0, "1+1?", "7", 2, 3.0)
    assert (mean, std) == (pytest.approx(2 / 3), pytest.approx(statistics.pstdev([1, 0, 1])))


def test_turns_and_tool_calls_are_stored_with_what_a_trace_shows(reference: dict[str, list[object]]) -> None:
    assert (len(reference["traces"]), len(reference["calls"])) == (47, 94)
    run = new_run()
    say(run, [started(3), group(1), group(2)])
    catch_up(run)
    works, fails = inspection.RolloutTrace.objects.filter(rollout__run=run).order_by("rollout__step")
    assert (works.turn_count, works.call_count, works.failed_count, fails.failed_count) == (2, 2, 0, 1)
    assert (works.ending, works.tool_tokens, works.answers, works.seconds) == ("answered", 1, 1, 2.0)
    assert (works.diff.splitlines()[1], works.tests) == ("+2", "1 passed")
    assert works.turns[1] == {"start": 2, "end": 4, "began": 1.0, "entered": 1.0, "ended": 2.0}
    call, unread = works.rollout.tool_calls.order_by("index")
    assert (call.name, call.status, call.code, call.result, call.stdout) == ("python", "ok", "1/0", "1", "1\n")
    assert (call.turn, call.start_token, call.end_token, call.began, call.ended) == (0, 1, 2, 0.5, 1.0)
    assert (call.queue_s, call.wall_s, call.truncated) == (0.125, 0.25, False)
    assert (unread.status, unread.code, unread.arguments) == ("unanswered", None, "{nul \ufffd")
    assert [r.selected for r in inspection.Rollout.objects.filter(run=run, step=1).order_by("index")] == [
        True, False, True,
    ]  # fmt: skip


def test_uncertain_tokens_are_counted_by_class_where_tokens_were_kept() -> None:
    run = new_run()
    text, mask = "I call out so", [1, 1, 0, 1]
    columns = {"end": [1, 6, 10, 13], "entropy": [0.5, 0.1, 0.0, 0.1], "mask": mask}
    tokens = {
        name: base64.b64encode(np.asarray(column).astype(TOKEN_ARRAYS[name]).tobytes()).decode()
        for name, column in columns.items()
    }
    whole = group(1)
    told = whole.rollouts[2].model_copy(update={"text": text, "length": 4, "tokens": tokens})
    damaged = told.model_copy(update={"tokens": tokens | {"mask": tokens["end"]}})
    say(run, [started(3), whole.model_copy(update={"rollouts": [told, damaged]})])
    catch_up(run)
    kept, without = inspection.RolloutTrace.objects.filter(rollout__run=run).order_by("rollout__index")
    assert (kept.forking_tokens, kept.reflection_tokens, kept.code_tokens, kept.other_tokens) == (1, 0, 0, 0)
    assert without.forking_tokens == 0


def test_tool_calls_of_steps_that_are_done_again_are_forgotten() -> None:
    run = new_run()
    say(run, [started(3), group(1), group(2)])
    say(run, [started(3, resumed=1, attempt=2)])
    catch_up(run)
    assert {call.step for call in inspection.ToolCall.objects.filter(run=run)} == {1}
    assert inspection.RolloutTrace.objects.filter(rollout__run=run).count() == 1


def test_tokens_keep_their_bytes() -> None:
    run = new_run()
    say(run, [started(3), group(1)])
    catch_up(run)
    stored = inspection.RolloutTokens.objects.filter(rollout__run=run).order_by("rollout__index")
    assert [bytes(tokens.logprob_array or b"").hex() for tokens in stored] == ["008000bc", "00b800bc", "00bc00bc"]
    assert {tokens.entropy_array for tokens in stored} == {None}


def test_a_run_that_is_killed_and_resumed_again_and_again_has_the_rows_of_an_undisturbed_one(
    reference: dict[str, list[object]],
) -> None:
    """At each death the last lines are lost or torn; the trainer resumes from its newest checkpoint."""
    rng = random.Random(0)
    run, total, resumed = new_run(), 23, None
    for attempt in range(1, 8):
        first = [started(total)] if resumed is None else [started(total, resumed, attempt)]
        if resumed is None:
            first += [Metrics(step=0, values={"heldout/pass_at_1": 0.1}), group(0, 0, split="heldout")]
        steps = [event for step in range((resumed or 0) + 1, total + 1) for event in step_events(step)]
        if attempt < 7:
            steps = steps[: rng.randrange(len(steps) // 2)]
        path = say(run, [*first, *steps])
        for event in steps:
            if event.kind == "checkpoint":
                resumed = event.step
        torn = rng.randrange(40)
        if attempt < 7 and torn < 20:
            with path.open("ab") as file:
                file.write(b'{"step":9,"kind":"metr'[:torn])
        if rng.random() < 0.5:
            catch_up(run)
    catch_up(run)
    assert rows.of_run(run) == reference


def test_a_trainer_without_a_checkpoint_starts_over_and_nothing_stays_of_before(
    reference: dict[str, list[object]],
) -> None:
    run = new_run()
    say(run, [started(23), Metrics(step=0, values={"heldout/old": 1.0}), group(0, 5), *step_events(1)])
    catch_up(run)
    say(run, undisturbed(23))
    catch_up(run)
    assert rows.of_run(run) == reference


def test_a_replay_gives_the_same_rows(reference: dict[str, list[object]]) -> None:
    run = new_run()
    say(run, undisturbed(23))
    catch_up(run)
    MetricPoint.objects.filter(series__run=run).update(value=7)
    inspection.RolloutText.objects.filter(rollout__run=run, rollout__step=4).delete()
    assert rebuild(run.pk) == len(list(undisturbed(23)))
    assert rows.of_run(run) == reference


def test_a_torn_line_waits_for_its_end() -> None:
    run = new_run()
    path = say(run, [started(5), metrics(1)])
    line = metrics(2).model_dump_json().encode() + b"\n"
    with path.open("ab") as file:
        file.write(line[:30])
    assert catch_up(run) == 2
    with path.open("ab") as file:
        file.write(line[30:])
    assert (catch_up(run), run.step) == (1, 2)
    assert run.events_offset == path.stat().st_size


def test_lines_that_are_no_events_are_left_out_with_a_word() -> None:
    run = new_run()
    path = say(run, [started(5), metrics(1)])
    with path.open("ab") as file:
        file.write(b'not json\n{"kind":"metrics","step":-1,"values":{}}\n')
    say(run, [metrics(2)])
    assert catch_up(run) == 3
    alert = models.Alert.objects.get(run=run)
    assert (alert.code, run.step) == ("events_left_out", 2)
    assert "unreadable line" in alert.message
    assert "(and 1 more)" in alert.message


def test_an_event_that_cannot_be_stored_does_not_hold_up_the_others() -> None:
    run = new_run()
    bad = group(1, 1)
    bad = bad.model_copy(update={"rollouts": [bad.rollouts[0].model_copy(update={"tokens": {"id": "A"}})]})
    huge = Metrics(step=2**40, values={"reward/mean": 1.0})
    twice = group(2, 0)
    say(run, [started(9), group(1, 0), bad, metrics(1), huge, twice, twice, metrics(2)])
    assert catch_up(run) == 8
    assert sorted(inspection.RolloutGroup.objects.filter(run=run).values_list("step", "index")) == [(1, 0), (2, 0)]
    assert (run.step, run.latest["reward/mean"]) == (2, pytest.approx(0.2))
    assert "(and 2 more)" in models.Alert.objects.get(run=run).message


def test_what_no_database_can_store_is_replaced() -> None:
    run = new_run()
    nul = RolloutRecord(text="a\x00b", extracted="\x00", parts={"x\x00": 1.0}, reward=1, length=1)
    event = RolloutGroup(
        step=1, split="train", index=0, problem_id="\x00", prompt="\x00?", answer="\x00", rollouts=[nul]
    )
    path = say(run, [started(3), event, Metrics(step=1, values={"m\x00": 1.0})])
    with path.open("ab") as file:
        file.write(b'{"kind":"metrics","step":1,"values":{"half \\ud83d":1.0,"inf":1e999}}\n')
    assert catch_up(run) == 4
    rollout = inspection.Rollout.objects.select_related("body", "group__prompt").get(run=run)
    assert (rollout.body.text, rollout.extracted, rollout.parts) == ("a�b", "�", {"x�": 1.0})
    assert rollout.group.prompt.text == "�?"
    assert run.latest == {"m�": 1.0, "half ?": 1.0, "inf": None}


def test_a_greedy_answer_beside_the_samples_does_not_count_in_the_group() -> None:
    run = new_run()
    sampled = group(0, 0, split="heldout", samples=4)
    greedy = RolloutRecord(text="g", reward=1, correct=True, length=50, greedy=True)
    say(run, [started(3), sampled.model_copy(update={"rollouts": [*sampled.rollouts, greedy]})])
    catch_up(run)
    stored = inspection.RolloutGroup.objects.get(run=run)
    assert (stored.size, stored.reward_mean, stored.correct_count, stored.length_mean) == (4, 0.5, 2, 3.5)
    assert stored.rollouts.count() == 5


def test_equal_rewards_have_a_spread_of_exactly_zero() -> None:
    run = new_run()
    alike = group(1)
    alike = alike.model_copy(update={"rollouts": [r.model_copy(update={"reward": 0.1}) for r in alike.rollouts]})
    say(run, [started(3), alike])
    catch_up(run)
    assert inspection.RolloutGroup.objects.get(run=run).reward_std == 0.0


@pytest.mark.django_db(transaction=True)
def test_eight_ingesters_at_once_store_every_event_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run()
    say(run, [started(40), *(event for step in range(1, 41) for event in step_events(step))])
    small = 4096
    monkeypatch.setattr("training.events.reader.read_lines.__defaults__", (small,), raising=False)

    def follow(_: int) -> int:
        try:
            return sum(iter(lambda: ingest(run.pk).events, 0))
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(follow, range(8)))
    assert sum(counts) == 1 + sum(len(list(step_events(step))) for step in range(1, 41))
    assert inspection.Rollout.objects.filter(run=run).count() == 40 * 6
    assert MetricPoint.objects.filter(series__run=run).count() == 40 * 3


@pytest.mark.django_db(transaction=True)
def test_rows_and_offset_are_stored_together_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run()
    say(run, [started(9), *step_events(1)])

    def die(*_: object) -> None:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as broken:
        broken.setattr(ingester.store.rows.Alert.objects, "bulk_create", die)
        with pytest.raises(OperationalError):
            ingest(run.pk)
    run.refresh_from_db()
    assert run.events_offset == 0
    assert not inspection.Rollout.objects.filter(run=run).exists()
    assert catch_up(run) == 1 + len(list(step_events(1)))
    assert inspection.Rollout.objects.filter(run=run).count() == 6


def test_an_older_attempt_can_no_longer_write() -> None:
    run = new_run()
    say(run, [started(9), metrics(1)])
    Run.objects.filter(pk=run.pk).update(attempt=2)
    with pytest.raises(Superseded):
        ingest(run.pk, attempt=1)
    run.refresh_from_db()
    assert run.events_offset == 0
    assert ingest(run.pk, attempt=2).events == 2


def test_a_deleted_run_leaves_no_row_behind_and_no_other_run_is_touched() -> None:
    runs = [new_run(), new_run()]
    for run in runs:
        say(run, undisturbed(7))
        catch_up(run)
        Run.objects.filter(pk=run.pk).update(status="succeeded")
    kept = rows.of_run(runs[1])
    services.delete_run(runs[0])
    assert {table: len(found) for table, found in rows.of_run(runs[1]).items()} == {t: len(r) for t, r in kept.items()}
    for table, path in (
        (inspection.Rollout, "run"),
        (inspection.RolloutText, "rollout__run"),
        (inspection.RolloutTokens, "rollout__run"),
        (inspection.RolloutTrace, "rollout__run"),
        (inspection.ToolCall, "run"),
        (MetricPoint, "series__run"),
        (MetricRollup, "series__run"),
    ):
        assert table.objects.count() == table.objects.filter(**{path: runs[1]}).count() > 0


def test_alerts_and_infinite_sums_do_not_break_anything() -> None:
    run = new_run()
    big = [Metrics(step=step, values={"m": 1.7e308}) for step in (1, 2)]
    say(run, [started(9), *big, Alert(step=1, code="c" * 99, severity="info", message="m", advice="a")])
    assert catch_up(run) == 4
    assert models.Alert.objects.filter(run=run, code="c" * 40).exists()
    assert math.isfinite(run.latest["m"])


def test_floats_are_half_precision() -> None:
    assert floats(1.0) == "ADw="


def test_an_experts_step_is_stored_with_what_is_wrong_with_each_response() -> None:
    run = new_run()
    told = group(1)
    expert = ExpertRecord(step=2, steps=3, context=["1+1=2\0"], target="2+2=4")
    faults = ["", "cut before the step ends", ""]
    rollouts = [each.model_copy(update={"fault": fault}) for each, fault in zip(told.rollouts, faults, strict=True)]
    say(run, [started(3), told.model_copy(update={"expert": expert, "rollouts": rollouts}), group(2)])
    catch_up(run)
    step, plain = inspection.RolloutGroup.objects.filter(run=run).order_by("step").values_list("expert", flat=True)
    assert (step["target"], step["context"], step["faults"]) == ("2+2=4", ["1+1=2\ufffd"], faults)
    assert plain is None
