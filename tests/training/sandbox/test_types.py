"""Calls and results as values."""

import json

import pytest

from training.sandbox.types import (
    INFRASTRUCTURE,
    STATUSES,
    Call,
    ExecutionResult,
    Failure,
    Limits,
    Percentiles,
    ProgramError,
    SandboxStatus,
)


def test_a_call_survives_json() -> None:
    call = Call("a", "print('π')\n", "in\0put", Limits(wall_s=0.5, memory_mb=64))
    assert Call.from_dict(json.loads(json.dumps(call.as_dict()))) == call


def test_a_result_survives_json() -> None:
    error = ProgramError("ValueError", "no", 3, "f()")
    result = ExecutionResult("a", "error", 1, None, "out", "\ufffd", error=error, wall_s=0.25, tier="ns-user")
    assert ExecutionResult.from_dict(json.loads(json.dumps(result.as_dict()))) == result
    plain = ExecutionResult("b", "ok", 0, value="6")
    assert ExecutionResult.from_dict(json.loads(json.dumps(plain.as_dict()))) == plain


def test_a_status_survives_json() -> None:
    status = SandboxStatus(
        tier="ll-user", python="python", zygotes=2, slots=6, in_flight=1, queued=2, oldest_queue_s=0.5, restarts=1,
        started=1.0, outcomes={"ok": 3}, wall=Percentiles(1, 2, 3), total=Percentiles(),
        failures=[Failure(2.0, "sandbox_died", "lost")],
    )  # fmt: skip
    assert SandboxStatus.from_dict(json.loads(json.dumps(status.as_dict()))) == status


@pytest.mark.parametrize("status", STATUSES)
def test_only_failures_of_the_service_are_none_of_the_program(status: str) -> None:
    assert ExecutionResult("a", status).is_infrastructure == (status in INFRASTRUCTURE)  # type: ignore[arg-type]
    assert {"queue_timeout", "sandbox_error", "sandbox_died"} == set(INFRASTRUCTURE)


@pytest.mark.parametrize("name", ["wall_s", "cpu_s", "memory_mb", "processes", "file_mb", "output_bytes", "queue_s"])
def test_every_limit_is_one(name: str) -> None:
    for value in (0, -1):
        with pytest.raises(ValueError, match=name):
            Limits(**{name: value})


def test_limits_end_somewhere() -> None:
    for name in ("processes", "memory_mb", "file_mb", "output_bytes"):
        with pytest.raises(ValueError, match="more than"):
            Limits(**{name: 1 << 40})


def test_programs_and_their_input_have_a_size() -> None:
    with pytest.raises(ValueError, match="1 MiB"):
        Call("a", "é" * (600 << 10))
    with pytest.raises(ValueError, match="8 MiB"):
        Call("a", "", "x" * (9 << 20))
