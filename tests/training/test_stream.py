"""Data order."""

import pytest

from training.stream import ShuffledStream


def test_each_epoch_holds_every_item_once_in_an_order_of_its_own() -> None:
    stream = ShuffledStream(list(range(50)), seed=3)
    first, second = stream.take(50), stream.take(50)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert first != list(range(50))


def test_a_restored_count_goes_on_where_it_was_also_across_epochs() -> None:
    whole = ShuffledStream("abcdefg", seed=1).take(40)
    resumed = ShuffledStream("abcdefg", seed=1)
    resumed.drawn = 12
    assert resumed.take(28) == whole[12:]


def test_another_seed_is_another_order() -> None:
    assert ShuffledStream(range(50), 1).take(50) != ShuffledStream(range(50), 2).take(50)


def test_nothing_to_draw_from_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to draw from"):
        ShuffledStream([], 0)
