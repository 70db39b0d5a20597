"""Markdown becomes HTML of a few harmless tags, whatever it tries."""

import re

import pytest

from webapp.core.markdown import TAGS, render

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "text <b onclick='alert(1)'>bold</b> <svg/onload=alert(1)>",
    "<style>body{display:none}</style>\n\n<iframe src=https://evil.example></iframe>",
    "[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](&#106;avascript:alert(1)) [d](java\nscript:alert(1))",
    "[a](data:text/html;base64,PHNjcmlwdD4=) [b](vbscript:x) [c](file:///etc/passwd)",
    "[a]: javascript:alert(1)\n\n[a] <javascript:alert(1)>",
    '[a](https://e.example "onmouseover=alert(1)") [b](https://e.example/"onmouseover="alert(1))',
    "![pixel](https://evil.example/seen.png) ![x][y]\n\n[y]: https://evil.example/seen.png",
    '```"><script>alert(1)</script>\n</code></pre><script>alert(2)</script>\n```',
    "`</code><script>alert(1)</script>`",
    "|<script>|</td><script>|\n|---|---|\n|a|<img src=x onerror=y>|",
    "# <script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;script&#62;",
    "a\0b <scr\0ipt>",
    "\ud800 half of a pair".encode(errors="replace").decode(),
]


def tags_of(html: str) -> list[tuple[str, str]]:
    return re.findall(r"<\s*/?\s*([A-Za-z!?][^\s>/]*)([^>]*)>", html)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_but_harmless_tags_comes_of_hostile_text(text: str) -> None:
    html = render(text)
    for tag, attributes in tags_of(html):
        assert tag in TAGS
        assert re.fullmatch(
            r'( (href="(https?://|mailto:)[^"<>\s]*"|rel="noopener nofollow"|start="\d+"))*', attributes
        )


def test_images_are_never_loaded() -> None:
    assert "src" not in render("![pixel](https://evil.example/seen.png)")


def test_it_keeps_what_instructions_need() -> None:
    text = (
        "# Rules\n\n- **right** first\n- *then* `short`\n\n3. ~~no~~\n\n|a|b|\n|-|-|\n|1|2|\n\n> so\n\n```\nx < 1\n```"
    )
    html = render(text)
    for part in ("<h3>Rules</h3>", "<strong>right</strong>", "<em>then</em>", "<code>short</code>", '<ol start="3">',
                 "<s>no</s>", "<td>1</td>", "<blockquote>", "<pre><code>x &lt; 1"):  # fmt: skip
        assert part in html


def test_a_link_says_where_it_leads_and_tells_nobody() -> None:
    html = render("[the rules](https://e.example/a?b=1&c=2)")
    link = '<a href="https://e.example/a?b=1&amp;c=2" rel="noopener nofollow">the rules</a>'
    assert html == f"<p>{link} (https://e.example/a?b=1&amp;c=2)</p>\n"
    assert render("<https://e.example>").count("https://e.example") == 2
    assert "https://evil.example)" in render("[https://good.example](https://evil.example)")


@pytest.mark.parametrize(
    "text", ["[" * 5000, ">" * 5000 + "a", "*a " * 3000, "|" * 3000 + "\n" + "|-" * 1500, "- " * 3000]
)
def test_deep_nesting_neither_fails_nor_takes_long(text: str) -> None:
    assert render(text)
