"""The drawing of a response's time."""

from webapp.inspection.models import ToolCall
from webapp.inspection.timeline import WIDTH, TurnTimes, draw

TURN = {"start": 0, "end": 9, "began": 1.0, "entered": 1.5, "ended": 3.0}
CALLS = [ToolCall(began=3.0, queue_s=0.5, ended=5.0), ToolCall(began=3.0, queue_s=1.0, ended=4.0)]
"""The second found no place before it was over."""


def test_bars_stand_where_the_time_went() -> None:
    timeline = draw([TurnTimes.of(TURN, CALLS)], 10.0)
    bars = [(bar.kind, bar.x, bar.width) for bar in timeline.rows[0].bars]
    assert bars == [
        ("wait", 100, 50), ("write", 150, 150),
        ("wait", 300, 50), ("run", 350, 150),
        ("wait", 300, 100),
    ]  # fmt: skip
    assert (timeline.waited, timeline.wrote, timeline.ran) == (1.5, 1.5, 1.5)


def test_a_short_bar_is_still_seen_and_stays_inside() -> None:
    bar = draw([TurnTimes(0.0, 9.9999, 10.0, ())], 10.0).rows[0].bars[-1]
    assert bar.width >= 2
    assert bar.x + bar.width <= WIDTH


def test_without_times_there_are_no_bars() -> None:
    assert draw([TurnTimes(0.0, 0.0, 0.0, ())], 0.0).rows[0].bars == []
    assert draw([], 0.0).rows == []


def test_what_outlasts_the_response_fits_the_drawing() -> None:
    assert draw([TurnTimes(0.0, 0.0, 20.0, ())], 10.0).rows[0].bars[0].width == WIDTH
