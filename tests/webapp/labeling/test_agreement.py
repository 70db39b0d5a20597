"""Agreement: published and worked figures, what is undefined, and what may change nothing."""

import random
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats import inter_rater

from tests.webapp.labeling.work import calls_of
from webapp.labeling import agreement
from webapp.labeling.estimates import Estimate
from webapp.labeling.label_table import Label, by_item, competition_ranks

FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
MEASURES = [
    agreement.exact_agreement, agreement.relaxed_agreement, agreement.pair_agreement, agreement.kendall_tau,
    agreement.kendall_w, agreement.fleiss_kappa, agreement.krippendorff_alpha, agreement.spearman_rho,
]  # fmt: skip
UNBOUNDED_BELOW = {
    agreement.kendall_tau, agreement.spearman_rho, agreement.fleiss_kappa, agreement.krippendorff_alpha,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def choices(rows: list[str], names: str = "abcdefghijklmnop") -> list[Label]:
    """One row an annotator, one character an item; ``*`` is missing."""
    return [
        Label(f"i{place}", names[number], choice=int(mark))
        for number, row in enumerate(rows) for place, mark in enumerate(row) if mark != "*"
    ]  # fmt: skip


def rankings(*rows: tuple[int, ...], item: str = "i") -> list[Label]:
    return [Label(item, f"a{number}", ranks=row) for number, row in enumerate(rows)]


def from_table(table: list[list[int]]) -> list[Label]:
    """Two annotators whose table of choices is this one."""
    cells = [(i + 1, j + 1) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    return [
        Label(str(number), name, choice=pair[place])
        for number, pair in enumerate(cells) for place, name in enumerate("ab")
    ]  # fmt: skip


def value(estimate: Estimate) -> float:
    assert estimate.value is not None, estimate.reason
    return estimate.value


def test_cohens_kappa_of_two_by_two() -> None:
    labels = from_table([[20, 5], [10, 15]])
    assert value(agreement.exact_agreement(labels)) == pytest.approx(0.7)
    assert value(agreement.cohen_kappas(labels)["a", "b"]) == pytest.approx(0.4)


@pytest.mark.parametrize(("weights", "expected"), [(None, 0.696970), ("linear", 0.761905), ("quadratic", 0.833333)])
def test_cohens_kappa_of_three_by_three(weights: agreement.Weights, expected: float) -> None:
    kappa = agreement.cohen_kappas(from_table([[10, 2, 0], [1, 12, 3], [0, 2, 10]]), weights)["a", "b"]
    assert value(kappa) == pytest.approx(expected, abs=1e-6)
    assert kappa.n == 40
    assert kappa.low is not None
    assert kappa.high is not None
    assert kappa.low < expected < kappa.high


@pytest.mark.parametrize(("share", "expected"), [(0.726, 0.452), (0.773, 0.546), (0.63, 0.26)])
def test_on_balanced_choices_kappa_is_twice_the_agreement_less_one(share: float, expected: float) -> None:
    same = round(share * 1000)
    other = 1000 - same
    assert agreement.cohen_kappa_of_table([[same, other], [other, same]]) == pytest.approx(expected, abs=1e-3)


def test_weights_reach_over_choices_that_nobody_made() -> None:
    near = agreement.cohen_kappas(choices(["112244", "122244"]), "quadratic")["a", "b"]
    far = agreement.cohen_kappas(choices(["115544", "155544"]), "quadratic")["a", "b"]
    assert value(near) > value(far)


def test_kappas_are_those_of_statsmodels() -> None:
    generator = np.random.default_rng(0)
    for _ in range(30):
        table = generator.integers(0, 6, (5, 5))
        for weights in (None, "linear", "quadratic"):
            expected = inter_rater.cohens_kappa(table, wt=weights, return_results=False)
            assert agreement.cohen_kappa_of_table(table, weights) == pytest.approx(expected)
        counts = generator.multinomial(generator.integers(2, 6), generator.dirichlet(np.ones(5)), size=20)
        assert agreement.fleiss_kappa_of_table(counts) == pytest.approx(inter_rater.fleiss_kappa(counts))


def test_fleiss_kappa_of_the_published_table() -> None:
    assert agreement.fleiss_kappa_of_table(np.array(FLEISS)) == pytest.approx(0.209931, abs=1e-6)
    labels = [
        Label(str(item), f"a{seat:02}", choice=choice)
        for item, row in enumerate(FLEISS)
        for seat, choice in enumerate([place + 1 for place, count in enumerate(row) for _ in range(count)])
    ]
    kappa = agreement.fleiss_kappa([*labels, Label("other", "a00", choice=1), Label("other", "a01", choice=2)])
    assert (value(kappa), kappa.n, kappa.left_out) == (pytest.approx(0.209931, abs=1e-6), 10, 1)


@pytest.mark.parametrize(
    ("scale", "three", "four"),
    [
        ("nominal", 0.691358, 0.743),
        ("ordinal", 0.806721, 0.815),
        ("interval", 0.810845, 0.849),
        ("ratio", 0.808944, 0.797),
    ],
)
def test_krippendorffs_alpha_of_the_published_tables(scale: agreement.Scale, three: float, four: float) -> None:
    first = ["*****34121133*3", "1*213343*******", "**21344*21133*4"]
    second = ["123321412***", "1233224125*3", "*3332342251*", "12332441251*"]
    assert value(agreement.krippendorff_alpha(choices(first), scale)) == pytest.approx(three, abs=1e-6)
    assert value(agreement.krippendorff_alpha(choices(second), scale)) == pytest.approx(four, abs=5e-4)


def test_rank_correlations_of_worked_rankings() -> None:
    two = rankings((1, 2, 3, 4), (1, 3, 2, 4))
    assert value(agreement.kendall_tau(two)) == pytest.approx(0.6667, abs=1e-4)
    assert value(agreement.spearman_rho(two)) == pytest.approx(0.8)
    assert value(agreement.pair_agreement(two)) == pytest.approx(0.8333, abs=1e-4)
    three = rankings((1, 2, 3, 4), (1, 3, 2, 4), (2, 1, 3, 4))
    assert value(agreement.kendall_w(three)) == pytest.approx(0.7778, abs=1e-4)
    assert agreement.kendall_w(three).n == 1


def test_a_tie_against_a_win_is_half_an_agreement() -> None:
    labels = choices(["1135", "2331"])
    assert value(agreement.relaxed_agreement(labels)) == pytest.approx((1 + 0.5 + 1 + 0) / 4)
    assert value(agreement.exact_agreement(labels)) == pytest.approx(1 / 4)
    assert value(agreement.relaxed_agreement(rankings((1, 2, 3), (1, 1, 3)))) == pytest.approx(5 / 6)


def test_only_the_order_of_ranks_counts() -> None:
    assert competition_ranks((9, 2, 2, 4)) == (4, 1, 1, 3)
    assert value(agreement.exact_agreement(rankings((0, 5, 7), (1, 2, 3)))) == 1


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    "labels",
    [[], choices(["123"]), choices(["12**", "**34"]), rankings((1, 2, 3))],
    ids=["none", "one", "apart", "rank"],
)
def test_without_overlap_there_is_a_reason_instead_of_a_figure(measure, labels) -> None:
    result = measure(labels)
    assert (result.value, result.low, result.high) == (None, None, None)
    assert result.reason


def test_without_variance_there_is_a_reason_instead_of_a_coefficient() -> None:
    labels = choices(["333", "333"])
    found = [agreement.fleiss_kappa(labels), agreement.krippendorff_alpha(labels), agreement.kendall_tau(labels)]
    assert [each.value for each in [*found, *agreement.cohen_kappas(labels).values()]] == [None] * 4
    assert value(agreement.exact_agreement(labels)) == 1


def test_annotators_without_common_items_have_no_kappa() -> None:
    kappas = agreement.cohen_kappas(choices(["12**", "**34", "1234"]))
    assert kappas["a", "b"].value is None
    assert "no item in common" in kappas["a", "b"].reason
    assert value(kappas["a", "c"]) == 1


def test_an_annotators_second_label_of_an_item_is_left_out() -> None:
    labels = choices(["1", "1"])
    again = [*labels, Label("i0", "a", choice=5)]
    assert by_item(again) == by_item(labels)


def test_rows_that_contradict_themselves_are_refused() -> None:
    for wrong in ({}, {"choice": 6}, {"ranks": (1,)}, {"choice": 1, "ranks": (1, 2)}, {"choice": 1, "order": (0, 0)}):
        with pytest.raises(ValueError, match=r"\w"):
            Label("i", "a", **wrong)


def test_intervals_are_the_same_each_time_and_narrow_with_items() -> None:
    maker = random.Random(3)
    rows = ["".join(maker.choice("12345") for _ in range(400)) for _ in range(2)]
    many, few = (agreement.exact_agreement(choices([row[:n] for row in rows])) for n in (400, 40))
    assert many == agreement.exact_agreement(choices(rows))
    assert many.high - many.low < few.high - few.low  # type: ignore[operator]


def test_the_bootstrap_interval_is_about_the_binomial_one() -> None:
    labels = choices(["1" * 400, "1" * 300 + "5" * 100])
    found = agreement.exact_agreement(labels)
    half = 1.96 * (0.75 * 0.25 / 400) ** 0.5
    assert (found.low, found.high) == (pytest.approx(0.75 - half, abs=0.012), pytest.approx(0.75 + half, abs=0.012))


@pytest.mark.parametrize("measure", [*MEASURES, agreement.cohen_kappas])
def test_eight_times_the_labels_are_eight_times_the_work_at_most(measure) -> None:
    maker = random.Random(5)
    labels = [Label(str(item), name, choice=maker.randint(1, 5)) for item in range(400) for name in "abc"]
    measure(labels[:30])
    few, many = calls_of(lambda: measure(labels[:150])), calls_of(lambda: measure(labels))
    assert many <= 8 * few


grids = st.lists(st.lists(st.integers(1, 5), min_size=3, max_size=3), min_size=2, max_size=8)
orders = st.lists(st.permutations(range(1, 5)), min_size=2, max_size=4)


@settings(max_examples=10, deadline=None)
@given(grids, st.permutations("abc"), st.randoms(use_true_random=False))
def test_names_and_the_order_of_rows_change_nothing(grid, names, shuffler) -> None:
    plain = [Label(str(i), name, choice=row[k]) for i, row in enumerate(grid) for k, name in enumerate("abc")]
    renamed = [Label(f"x{i}", name, choice=row[k]) for i, row in enumerate(grid) for k, name in enumerate(names)]
    shuffled = shuffler.sample(renamed, len(renamed))
    for measure in MEASURES:
        before, after, mixed = measure(plain), measure(renamed), measure(shuffled)
        assert (after.value, after.low, after.high) == pytest.approx(
            (before.value, before.low, before.high), nan_ok=True
        )
        assert (mixed.value, mixed.n) == (pytest.approx(before.value), before.n)
        lowest = -1 if measure in UNBOUNDED_BELOW else 0
        assert before.value is None or lowest - 1e-9 <= before.value <= 1 + 1e-9


@settings(max_examples=10, deadline=None)
@given(orders)
def test_those_who_rank_alike_agree_perfectly(rows) -> None:
    labels = [Label(str(i), name, ranks=tuple(row)) for i, row in enumerate(rows) for name in "abc"]
    for measure in MEASURES:
        if measure is not agreement.fleiss_kappa:
            assert value(measure(labels)) == pytest.approx(1)
    assert value(agreement.fleiss_kappa(choices(["1224"] * 3))) == pytest.approx(1)
    assert value(agreement.cohen_kappas(choices(["1224"] * 2), "linear")["a", "b"]) == pytest.approx(1)
