"""Showing text of unknown origin, folding what texts share, finding reflective words."""

import pytest

from training.reflection import reflection_rates
from webapp.inspection.prefixes import Frame, common_prefix, frame_of, part
from webapp.inspection.visible import visible
from webapp.inspection.words import reflective_spans


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a⟦202E⟧b"),
        ("a\u2066b\u200b", "a⟦2066⟧b⟦200B⟧"),
        ("a\x01\r\x7f\x85", "a␁␍␡⟦0085⟧"),
        ("\U000e0041", "⟦E0041⟧"),
        ("tab\tline\n", "tab\tline\n"),
        ("数学 ✓ 👩‍🔬 ✔️ שלום", "数学 ✓ 👩‍🔬 ✔️ שלום"),
        ("<b>&amp;", "<b>&amp;"),
    ],
)
def test_what_hides_or_reorders_becomes_visible_and_the_rest_stays(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("texts", "prefix"),
    [
        (["12+7=19", "12+7=18"], "12+7="),
        (["the same", "the same"], "the same"),
        (["one two", "one"], "one"),
        (["<think>a", "<answer>b"], ""),
        (["x</think>", "x<answer>"], "x"),
        (["abc", "xyz"], ""),
        (["alone"], ""),
        ([], ""),
        (["", "a"], ""),
    ],
)
def test_the_common_beginning_cuts_no_word_number_or_tag(texts: list[str], prefix: str) -> None:
    assert common_prefix(texts) == prefix


def test_a_text_is_parted_at_the_first_piece_that_differs() -> None:
    parting = part("so 12+7=19 and", "so 12+7=")
    assert (parting.first, parting.rest) == ("19", " and")
    assert part("so", "so").first == ""
    assert part("a<think>b", "a").first == "<think>"


@pytest.mark.parametrize(
    ("prompts", "problems"),
    [
        (
            ["<|im_start|>user\nWhat is 1+1?<|im_end|>\n<|im_start|>assistant\n",
             "<|im_start|>user\nWhat is 20+3?<|im_end|>\n<|im_start|>assistant\n"],
            ["What is 1+1?", "What is 20+3?"],
        ),
        (["A talks to B. User: What is 1. Assistant:", "A talks to B. User: Why not. Assistant:"],
         ["What is 1. Assistant:", "Why not. Assistant:"]),
        (["What is 1+1?\n", "What is 2?\n"], ["What is 1+1?", "What is 2?"]),
        (["same", "same"], ["same", "same"]),
        (["only one"], ["only one"]),
    ],
)  # fmt: skip
def test_a_templates_frame_is_told_from_the_problem(prompts: list[str], problems: list[str]) -> None:
    frame = frame_of(prompts)
    assert [frame.split(prompt)[1] for prompt in prompts] == problems
    assert all("".join(frame.split(prompt)) == prompt for prompt in prompts)


def test_a_prompt_shorter_than_the_frame_is_all_problem() -> None:
    assert Frame(before=10, after=10).split("short") == ("", "short", "")


def test_the_marked_words_are_those_that_the_trainer_counts() -> None:
    text = "Wait, let me check. However, rechecking is no CHECK; butter. I verify: wrong!"
    spans = reflective_spans(text)
    assert [text[start:end] for start, end in spans] == ["Wait", "check", "However", "CHECK", "verify", "wrong"]
    assert len(spans) == reflection_rates([text], 1000)["reflection/per_1k_tokens"]
