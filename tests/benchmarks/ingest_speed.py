"""How fast events become rows: `python -m tests.benchmarks.ingest_speed`. Uses the test database's server."""

import base64
import os
import time

import tests.environment  # noqa: F401  # starts the server and sets the environment

ROLLOUTS, GROUP, TOKENS = 20_000, 8, 60
STEPS, SERIES = 5_000, 30


def main() -> None:
    """Ingest many rollouts of 60 tokens with all arrays, then many steps of 30 figures, in a scratch database."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        measure()
    finally:
        teardown_databases(databases, verbosity=0)


def measure() -> None:
    """Print rows a second of both kinds."""
    from training.config import RunConfig
    from training.events import TOKEN_ARRAYS, JsonlSink, Metrics, RolloutGroup, RolloutRecord
    from webapp.runs import services
    from workers.ingest import EVENTS_FILE, ingest

    widths = {name: int(dtype[-1]) for name, dtype in TOKEN_ARRAYS.items()}
    arrays = {name: base64.b64encode(bytes(TOKENS * width)).decode() for name, width in widths.items()}
    record = RolloutRecord(
        text="so 12 + 7 = 19, wait, check: 19 - 7 = 12. " * 6,
        reward=1.0,
        parts={"accuracy": 1.0},
        advantage=0.5,
        correct=True,
        extracted="19",
        tokens=arrays,
        length=TOKENS,
    )
    count = ROLLOUTS // GROUP
    groups = [
        RolloutGroup(step=i // 32, split="train", index=i % 32, problem_id=f"p{i % 4096}", prompt="12 + 7 = ?",
                     answer="19", rollouts=[record] * GROUP)
        for i in range(count)
    ]  # fmt: skip
    metrics = [Metrics(step=step, values={f"m/{i}": step * 0.5 for i in range(SERIES)}) for step in range(STEPS)]
    for what, events, amount in (("rollouts", groups, ROLLOUTS), ("metric points", metrics, STEPS * SERIES)):
        run = services.create_run(RunConfig())
        run.folder.mkdir(parents=True)
        sink = JsonlSink(run.folder / EVENTS_FILE)
        for event in events:
            sink.emit(event)
        size = (run.folder / EVENTS_FILE).stat().st_size
        begin, cpu = time.perf_counter(), time.process_time()
        while ingest(run.pk).events:
            pass
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        print(
            f"{amount:,} {what} ({size / 2**20:.0f} MB) in {seconds:.1f} s ({cpu:.1f} s of ours): "
            f"{amount / seconds:,.0f} a second"
        )


if __name__ == "__main__":
    main()
