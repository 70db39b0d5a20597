"""Figures that presets quote are those that were published, and add up."""

import re

import pytest

from training.config.presets.agents import AGENTS_SRL
from training.config.recipes import RECIPES

CELLS = {
    "base": (49.3, 50.0, 10.5, 13.3, 7.5, 6.7, 34.9),
    "RLVR": (52.0, 47.5, 11.1, 10.0, 7.4, 10.0, 33.8),
    "SRL": (51.5, 50.0, 13.2, 16.7, 7.1, 13.3, 36.4),
    "both": (52.1, 57.5, 13.3, 20.0, 8.6, 10.0, 36.4),
}
"""Table 1 of arXiv 2510.25992: AMC23, AIME24 and AIME25, each by 32 samples and greedy, and Minerva Math."""
PRINTED = {"base": 24.6, "RLVR": 24.5, "SRL": 27.6, "both": 28.3}


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+\.\d+", text)]


def test_one_average_of_srls_table_is_not_that_of_its_cells_and_the_recipe_says_so() -> None:
    averages = {arm: sum(cells) / 7 for arm, cells in CELLS.items()}
    apart = [arm for arm in CELLS if abs(averages[arm] - PRINTED[arm]) > 0.05]
    assert apart == ["SRL"]
    quoted = numbers(RECIPES["srl-rlvr"].full.shows)
    printed = [PRINTED["base"], PRINTED["RLVR"], PRINTED["SRL"], round(averages["SRL"], 1), PRINTED["both"]]
    assert quoted == printed
    assert averages["SRL"] == pytest.approx(26.89, abs=5e-3)
    assert 7 * PRINTED["SRL"] - sum(CELLS["SRL"]) == pytest.approx(5.0), "two of the 40 problems of AMC23, greedily"


def test_agents_resolve_as_much_more_as_published() -> None:
    sft, srl, sft_alone, srl_alone = numbers(AGENTS_SRL.summary)
    assert srl / sft - 1 == pytest.approx(0.762, abs=5e-4), "the paper says 74 %, which is the count of 500 issues"
    assert round(srl * 500 / 100) == 74
    assert srl_alone / sft_alone == pytest.approx(2.048, abs=5e-4)
