"""Markdown that users write, as HTML that can be put into a page.

Two walls, either of which would do: the parser knows no raw HTML and no images, and an allow-list sanitiser goes over
what it made. An address that a link leads to is always shown, so that no link looks like another.
"""

from functools import cache

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

TAGS = {
    "a", "blockquote", "br", "code", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "strong", "table",
    "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
SCHEMES = {"http", "https", "mailto"}
LOWER_BY = 2
"""Levels by which headings go down: the page has its own first and second."""


def render(text: str) -> SafeString:
    """The text as sanitised HTML. Without raw HTML, images, styles or scripts; links tell no one where they came from.

    Whatever it holds, it never fails; what is no Markdown is shown as text.
    """
    cleaned = nh3.clean(
        _parser().render(text),
        tags=TAGS,
        attributes={"a": {"href"}, "ol": {"start"}, "*": set()},
        url_schemes=SCHEMES,
        link_rel="noopener nofollow",
    )
    return mark_safe(cleaned)  # noqa: S308  # sanitised in the line above


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
    parser.core.ruler.push("lower_headings", _lower_headings)
    parser.core.ruler.push("tell_addresses", _tell_addresses)
    return parser


def _lower_headings(state: StateCore) -> None:
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + LOWER_BY, 6)}"


def _tell_addresses(state: StateCore) -> None:
    """After each link whose text is not its address, put the address."""
    for block in state.tokens:
        if block.children:
            block.children = _with_addresses(block.children)


def _with_addresses(tokens: list[Token]) -> list[Token]:
    told: list[Token] = []
    address, said = "", ""
    for token in tokens:
        told.append(token)
        if token.type == "link_open":
            address, said = str(token.attrs.get("href", "")), ""
        elif token.type == "link_close" and said.strip() != address:
            told.append(Token("text", "", 0, content=f" ({address})"))
        else:
            said += token.content
    return told
