"""What the cache takes in and serves: the rules of the paper and of the released code."""

import pytest

from training.config import SolutionCacheConfig
from training.solutions.cache import Solution, SolutionCache, rarely_solved
from training.solutions.garbage import is_garbage
from training.solutions.keys import problem_key, solution_key


def solution(text: str = "3+4=7", length: int = 3) -> Solution:
    return Solution(text, tuple(range(length)), (0.0,) * length, "1")


@pytest.mark.parametrize(
    ("right", "total", "kept"), [(1, 8, True), (2, 8, True), (4, 16, True), (0, 8, False), (3, 8, False), (0, 0, False)]
)
def test_the_released_rule_keeps_what_is_seldom_solved(right: int, total: int, kept: bool) -> None:
    assert rarely_solved(right, total, 0.25) is kept


def test_a_phase_must_end_before_rare_solutions_are_used() -> None:
    cache = SolutionCache(SolutionCacheConfig(fill="rare"))
    cache.note("seldom", [True] + [False] * 7, [solution()])
    cache.note("often", [True] * 8, [solution()])
    assert not cache.of("seldom")
    assert cache.end_phase(None) == 1
    assert cache.of("seldom") == [solution()]
    assert not cache.of("often")


def test_the_papers_rule_keeps_solutions_of_what_is_still_hard() -> None:
    cache = SolutionCache(SolutionCacheConfig(fill="phase"))
    cache.note("hard", [True] * 8, [solution()])
    cache.note("learned", [True], [solution()])
    cache.end_phase({"hard"})
    assert cache.of("hard")
    assert not cache.of("learned")


def test_at_once_means_at_once() -> None:
    cache = SolutionCache(SolutionCacheConfig(fill="at_once"))
    cache.note("p", [True], [solution()])
    assert len(cache) == 1


def test_the_newest_of_the_distinct_ones_stay_where_asked_for() -> None:
    cache = SolutionCache(SolutionCacheConfig(per_problem=2, prefer="newest"))
    for text in ("first", "second", "third", "second"):
        cache.admit("p", solution(text))
    assert [found.text for found in cache.of("p")] == ["second", "third"]
    other = SolutionCache(SolutionCacheConfig(per_problem=2, prefer="newest"))
    other.load_state_dict(cache.state_dict())
    assert other.of("p") == cache.of("p")


def test_the_shortest_of_the_distinct_ones_stay() -> None:
    cache = SolutionCache(SolutionCacheConfig(per_problem=2))
    for length in (5, 3, 9, 4):
        cache.admit("p", solution(f"text {length}", length))
    cache.admit("p", solution("text  3", 3))
    assert [len(found.token_ids) for found in cache.of("p")] == [3, 4]


def test_what_is_invalid_stays_out_until_it_is_reinstated() -> None:
    cache = SolutionCache(SolutionCacheConfig(fill="at_once"))
    found = solution()
    cache.admit("p", found)
    cache.invalidate("p", found.key)
    assert len(cache) == 0
    cache.note("p", [True], [found])
    assert not cache.of("p")
    cache.reinstate("p", found.key)
    cache.admit("p", found)
    assert cache.of("p") == [found]


@pytest.mark.parametrize("fill", ["at_once", "rare"])
def test_what_is_reinstated_is_where_it_was(fill: str) -> None:
    cache = SolutionCache(SolutionCacheConfig(fill=fill))  # type: ignore[arg-type]
    found = solution()
    cache.note("p", [True] + [False] * 7, [found])
    cache.invalidate("p", found.key)
    cache.invalidate("p", "never seen")
    resumed = SolutionCache(SolutionCacheConfig(fill=fill))  # type: ignore[arg-type]
    resumed.load_state_dict(cache.state_dict())
    for each in (cache, resumed):
        each.reinstate("p", "never seen")
        each.reinstate("p", found.key)
        assert each.of("p") == ([found] if fill == "at_once" else [])
        each.end_phase(None)
        assert each.of("p") == [found]


def test_a_checkpoint_holds_all_of_it() -> None:
    cache = SolutionCache(SolutionCacheConfig())
    cache.note("p", [True, False, False, False], [solution()])
    cache.admit("q", solution("another"))
    cache.invalidate("r", "k")
    other = SolutionCache(SolutionCacheConfig())
    other.load_state_dict(cache.state_dict())
    assert other.state_dict() == cache.state_dict()
    assert other.end_phase(None) == 1
    assert other.of("p") == [solution()]


def test_keys_do_not_depend_on_spacing() -> None:
    assert problem_key("What is  3+4?", "7") == problem_key("What is\n3+4? ", " 7")
    assert problem_key("What is 3+4?", "7") != problem_key("What is 3+4?", "8")
    assert solution_key("a\n b") == solution_key("a b")


@pytest.mark.parametrize(
    ("text", "garbage"),
    [
        ("so 7. " * 40, True),
        ("Well, let us see. " + "7 7 7 7 " * 30, True),
        ("\ufffd\ufffd\x00\x01 7", True),
        ("12+7=19\n19*3=57\n57-20=37\n37+1=38\n38*2=76", False),
        ("7 7 7", False),
        ("", False),
    ],
)
def test_loops_and_garbled_text_are_told_from_work(text: str, garbage: bool) -> None:
    assert is_garbage(text) is garbage


def test_what_another_run_found_is_used_by_this_runs_rule() -> None:
    rare = SolutionCache(SolutionCacheConfig(fill="rare"))
    rare.learn("seldom", solution())
    rare.learn("unseen", solution())
    rare.note("seldom", [True] + [False] * 7, [])
    rare.end_phase(None)
    assert (bool(rare.of("seldom")), bool(rare.of("unseen"))) == (True, False)
    rare.note("unseen", [True] + [False] * 7, [])
    rare.end_phase(None)
    assert rare.of("unseen"), "it waited for a phase that saw the problem"
    at_once = SolutionCache(SolutionCacheConfig(fill="at_once"))
    at_once.learn("p", solution())
    assert at_once.of("p")


def test_few_wait() -> None:
    cache = SolutionCache(SolutionCacheConfig(fill="phase", per_problem=2, prefer="shortest"))
    cache.note("p", [True] * 4, [solution(f"text {length}", length) for length in (5, 3, 9, 4)])
    cache.end_phase(None)
    assert [len(found.token_ids) for found in cache.of("p")] == [3, 4]
