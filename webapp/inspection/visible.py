"""Shows text of unknown origin as it is: characters that hide, reorder or erase others get a visible form."""

import re

_INVISIBLE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f"  # controls except tab and newline
    "\x80-\x9f"
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e"
    "\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"  # zero width, bidirectional marks, overrides and isolates
    "\u3164\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f"  # tags
    "]"
)


def visible(text: str) -> str:
    """``text`` with U+202E as ``⟦202E⟧`` and a carriage return as ``␍``. Tabs, newlines, letters and emoji stay."""
    return _INVISIBLE.sub(_name, text)


def _name(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟦{code:04X}⟧"
