"""Which answers and rewrites are kept, and why the others are not."""

import re
import unicodedata
from collections import Counter
from dataclasses import replace
from functools import lru_cache

from training.config.teach import SolutionFilters
from training.problems.types import Problem
from training.repetition import repeated_share
from training.rewards.verifier import Verifier
from training.srl.steps import RefusedError, steps_of
from training.teaching.lines import Refusal, Reply

FOREIGN_SHARE = 0.05
"""Words of another script than most, beyond which a text is mixed."""
_WORDS = re.compile(r"[^\W\d_]+")
_MARKUP = re.compile(r"\\[A-Za-z]+|<[^<>]*>")
_PIECES = re.compile(r"[^\W\d_]+|\d|[^\w\s]")
_SYMBOLS = {"GREEK", "MATHEMATICAL", "DOUBLE-STRUCK", "SCRIPT", "BLACK-LETTER", "MICRO", "MODIFIER", "SUPERSCRIPT"}
_ALIKE = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "FULLWIDTH": "LATIN"}
"""Japanese is written in three scripts at once."""

Judged = tuple[bool | None, Refusal, str]
"""Whether it is right, why it is refused, and what there is to say of it."""


def judge(reply: Reply, problem: Problem, filters: SolutionFilters, verifier: Verifier) -> Judged:
    """What becomes of an answer."""
    if reply.failed:
        return None, "failed", reply.failed
    if not reply.text.strip():
        return None, "empty", ""
    verdict = verifier.start((reply.text, problem.answer)).result()
    if not reply.ended:
        return verdict.correct, "cut_off", verdict.reason
    if verdict.correct is None:
        return None, "no_verdict", verdict.reason
    if not verdict.correct:
        return False, "wrong", verdict.reason
    refused, reason = _filtered(reply.text, filters)
    return True, refused, reason or verdict.reason


def numbered(reply: Reply, problem: Problem, verifier: Verifier) -> tuple[Reply, Judged]:
    """A rewrite as it is stored, ``k. **Title** action`` a step without heading, and what becomes of it."""
    if reply.failed:
        return reply, (None, "failed", reply.failed)
    if not reply.text.strip():
        return reply, (None, "empty", "")
    if not reply.ended:
        return reply, (None, "cut_off", "")
    try:
        steps = steps_of(replace(problem, solution=reply.text, turns=()), "numbered")
    except RefusedError as error:
        return reply, (None, "format", str(error))
    reply = replace(reply, text="\n".join(step.whole for step in steps))
    verdict = verifier.start((reply.text, problem.answer)).result()
    return reply, (verdict.correct, "" if verdict.correct else "answer_lost", verdict.reason)


def foreign_share(text: str) -> float:
    """Of the words, the share that is not of the script of most. Single letters and LaTeX commands are no words."""
    scripts = Counter(
        script
        for word in _WORDS.findall(_MARKUP.sub(" ", text))
        if (script := _script(word[0])) and (len(word) > 1 or script == "CJK")
    )
    return 1 - max(scripts.values()) / scripts.total() if scripts else 0.0


def repeated_words(text: str) -> float:
    """Of all sequences of 4 words, digits or signs, the share that stood there before."""
    numbers: dict[str, int] = {}
    return repeated_share([[numbers.setdefault(piece, len(numbers)) for piece in _PIECES.findall(text)]])


def _filtered(text: str, filters: SolutionFilters) -> tuple[Refusal, str]:
    length = len(text.strip())
    if length < filters.least_characters:
        return "too_short", f"{length:,} characters"
    if filters.most_characters and length > filters.most_characters:
        return "too_long", f"{length:,} characters"
    if filters.most_repeated < 1 and (share := repeated_words(text)) > filters.most_repeated:
        return "repetitive", f"{share:.0%} of its sequences of 4 words stood there before"
    if filters.one_script and (share := foreign_share(text)) > FOREIGN_SHARE:
        return "mixed_scripts", f"{share:.0%} of its words are of another script than most"
    return "", ""


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    """The first word of the letter's name, such as LATIN or CJK; empty for letters that are symbols."""
    name = unicodedata.name(letter, "").split(" ")[0]
    return "" if name in _SYMBOLS else _ALIKE.get(name, name)
