"""Prompts in lists: the problem itself, without what the run's template writes around every one."""

from django.db.models import Func, Value
from django.db.models.functions import Greatest, Least, Length, Substr

from webapp.inspection.models import Prompt
from webapp.inspection.prefixes import Frame, frame_of
from webapp.runs.models import Run

FRAME_PROMPTS = 8
LISTED_CHARACTERS = 160


def prompt_frame(run: Run) -> Frame:
    """What the run's template writes around every problem, read off a few of its prompts."""
    prompts = Prompt.objects.filter(run=run).order_by("problem_id").values_list("text", flat=True)
    return frame_of(list(prompts[:FRAME_PROMPTS]))


def problem_text(frame: Frame, column: str) -> Func:
    """SQL for the beginning of the problem in the prompt ``column``: lists need no more."""
    inner = Length(column) - Value(frame.before + frame.after)
    return Substr(column, frame.before + 1, Greatest(Least(inner, Value(LISTED_CHARACTERS)), Value(0)))
