"""The token strip: every character once, colours by the scales' edges, whatever the text and the arrays hold."""

import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from tests.factories import PIECE, encode, token_columns
from webapp.inspection.models import RolloutTokens
from webapp.inspection.scales import ADVANTAGE, ENTROPY, LOGPROB, SCALES, scaled_columns
from webapp.inspection.strip import CHUNK, Strip, render_strip
from webapp.inspection.token_arrays import TokenArrays, decode
from webapp.inspection.visible import visible
from webapp.inspection.words import reflective_spans

STYLES = Path(__file__).parents[3] / "webapp/static/css/inspection.css"
HOSTILE = "<script>alert('x')</script> &amp; \u202eevil\n\ttab \"quoted\" 数学 😀 wait"


def stored(columns: dict[str, object]) -> RolloutTokens:
    return RolloutTokens(**{f"{name}_array": encode(name, column) for name, column in columns.items()})


def strip_of(text: str, **replaced: object) -> tuple[Strip, TokenArrays]:
    arrays = decode(stored(token_columns(PIECE.findall(text), 0.5) | replaced), text)
    assert arrays is not None
    return render_strip(text, arrays, scaled_columns(arrays, None), reflective_spans(text), ended=True), arrays


def plain(html: str) -> str:
    """What a reader would copy: no tags, and no tokens without text."""
    return unescape(re.sub(r"<[^>]+>", "", re.sub(r'<i class="special">.*?</i>', "", html)))


@pytest.mark.parametrize("text", [HOSTILE, "", "a", "word " * 700, "\n\n  \t", "&lt;b&gt;", "<i></i></span>"])
def test_the_text_comes_out_whole_and_escaped(text: str) -> None:
    strip, arrays = strip_of(text)
    assert plain(strip.html) == visible(text)
    assert set(re.findall(r"<(/?\w+)", strip.html)) <= {"div", "/div", "span", "/span", "i", "/i", "b", "/b"}
    assert len(re.findall(r"<i[ >]", strip.html)) == len(arrays) == strip.count
    assert strip.html.count('class="chunk"') == -(-len(arrays) // CHUNK)


def test_neighbours_that_look_alike_share_one_span() -> None:
    count = len(PIECE.findall("one two three four")) + 1
    zeros, ones = ("logprob", "entropy", "clipped", "ref_logprob"), ("advantage", "ratio")
    same = {name: np.zeros(count) for name in zeros} | {name: np.ones(count) for name in ones}
    strip, _ = strip_of("one two three four", **same)
    assert strip.html.count("<span") == 1
    assert 'class="l0 e0 a7 r4 d4"' in strip.html
    same["logprob"][2] = -1.0
    strip, _ = strip_of("one two three four", **same)
    assert strip.html.count("<span") == 3


def test_flags_mark_clipped_masked_and_reflective_tokens() -> None:
    text = "so wait, no"
    count = len(PIECE.findall(text)) + 1
    strip, _ = strip_of(text, clipped=np.eye(count)[0], mask=1 - np.eye(count)[3])
    assert (strip.clipped, strip.masked) == (1, 1)
    spans = dict(re.findall(r'<span class="[ldear0-9x ]+?((?: [mcw])*)">(.*?)</span>', strip.html))
    assert "so" in spans[" c"]
    assert "wait" in plain(spans[" w"])
    assert "no" in plain(spans[" m"])


def test_values_are_short_and_constants_are_sent_once() -> None:
    strip, arrays = strip_of("a b c", advantage=np.full(4, 0.25), logprob=[-0.1, float("-inf"), float("nan"), 0])
    assert strip.values["advantage"] == 0.25
    assert strip.values["logprob"] == [-0.099976, None, None, 0.0]
    assert strip.values["id"] == arrays.ids.tolist()  # type: ignore[union-attr]
    assert "lx" in strip.html


def test_the_token_that_ends_a_response_is_shown_by_name() -> None:
    strip, arrays = strip_of("ab")
    assert '<i class="special">end</i>' in strip.html
    cut = render_strip("ab", arrays, scaled_columns(arrays, None), [], ended=False)
    assert '<i class="special">#3</i>' in cut.html


@pytest.mark.parametrize(
    "ends", [[1, 2, 99], [3, 1, 2], [-5, 0, 2], [0, 0, 0]], ids=["too far", "falling", "negative", "no text"]
)
def test_odd_boundaries_lose_no_text(ends: list[int]) -> None:
    arrays = decode(stored({"end": ends, "logprob": [-1.0, -1.0, -1.0], "entropy": [0.5, 0.5]}), "abc")
    assert arrays is not None
    assert arrays.get("entropy") is None  # of another length
    strip = render_strip("abc", arrays, scaled_columns(arrays, None), [], ended=True)
    assert plain(strip.html) == "abc"
    assert arrays.get("logprob") is not None


def test_without_boundaries_there_is_no_strip() -> None:
    assert decode(None, "abc") is None
    assert decode(stored({"logprob": [-1.0]}), "abc") is None
    arrays = decode(RolloutTokens(end_array=b"\x01\x00\x00\x00\x02"), "abc")
    assert arrays is not None
    assert len(arrays) == 1  # half an integer at the end is dropped


@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: scale.key)
def test_buckets_are_what_counting_edges_gives(scale) -> None:  # type: ignore[no-untyped-def]
    values = np.array([*scale.edges, *(-edge for edge in scale.edges), 0.0, 1e9, -1e9, np.nan])
    for value, bucket in zip(values, scale.buckets(values), strict=True):
        if np.isnan(value):
            assert scale.css_class(bucket) == f"{scale.letter}x"
        elif scale.signed:
            assert bucket == sum(abs(value) >= edge for edge in scale.edges) * (-1 if value < 0 else 1)
        else:
            assert bucket == sum(value >= edge for edge in scale.edges)
    assert len(scale.legend) == len(scale.edges) * (2 if scale.signed else 1) + 1
    assert all(scale.css_class(bucket) in dict(scale.legend) for bucket in scale.buckets(values[:-1]))


def test_likely_tokens_stay_uncoloured_and_signs_part_in_the_middle() -> None:
    assert LOGPROB.buckets(-np.log(np.array([0.99, 0.94, 0.6, 0.001]))).tolist() == [0, 1, 3, 8]
    assert ENTROPY.buckets(np.array([0.0, 0.69])).tolist() == [0, 4]
    assert [ADVANTAGE.css_class(b) for b in ADVANTAGE.buckets(np.array([-3, -0.5, 0.0, 0.5, 3]))] == [
        "a0",
        "a2",
        "a4",
        "a6",
        "a8",
    ]


def luminance(colour: str) -> float:
    """Relative luminance of ``#rgb`` or ``#rrggbb``, as WCAG 2 defines it."""
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_colour_has_an_ink_that_can_be_read_on_it() -> None:
    css = STYLES.read_text()
    inks = re.findall(r"--([a-z]+-\d): (#\w+);", css), re.findall(r"--([a-z]+-\d)-ink: (#\w+);", css)
    assert len(inks[0]) == len(inks[1]) == 2 * (8 + 8 + 4 + 4)  # two themes
    for (name, colour), (of, ink) in zip(*inks, strict=True):
        assert name == of
        lighter, darker = sorted((luminance(colour), luminance(ink)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (name, colour, ink)


def test_every_bucket_class_of_every_scale_has_its_colour() -> None:
    css = STYLES.read_text()
    for scale in SCALES:
        plain_bucket = f"{scale.letter}{-scale.lowest}"
        for name, _ in scale.legend:
            assert (f".by-{scale.key} .{name}" in css) == (name != plain_bucket)
        assert f'.by-{scale.key} [data-scale="{scale.key}"]' in css
