"""Adds items to a project, wherever they come from."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Max

from webapp.core.errors import UserError
from webapp.labeling.choices import Mode
from webapp.labeling.counters import recount
from webapp.labeling.models import ItemResponse, LabelItem, LabelProject

RESPONSES = {Mode.PAIRWISE: (2, 2), Mode.RANKING: (2, 9), Mode.RATING: (1, 9), Mode.TREE_STEP: (2, 9)}
"""Fewest and most responses of an item of each mode."""

BATCH = 500


@dataclass(frozen=True, slots=True)
class ResponseDraft:
    """A response to be labeled; the fields are those of `ItemResponse`."""

    text: str
    source: str = ""
    correct: bool | None = None
    reward: float | None = None
    length: int | None = None
    run_id: int | None = None
    step: int | None = None
    split: str = ""
    group_index: int | None = None
    rollout_index: int | None = None
    tree_node: int | None = None


@dataclass(frozen=True, slots=True)
class ItemDraft:
    """An item to be labeled; the fields are those of `LabelItem`."""

    prompt: str
    responses: Sequence[ResponseDraft]
    reference: str = ""
    origin: dict[str, Any] = field(default_factory=dict)
    wanted: int | None = None


def why_not(mode: Mode, draft: ItemDraft) -> str:
    """Why a project of this mode cannot take the item, in words; empty when it can."""
    fewest, most = RESPONSES[mode]
    if not fewest <= len(draft.responses) <= most:
        wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        return f"{len(draft.responses)} responses, where {wanted} are wanted"
    for text in (draft.prompt, *(response.text for response in draft.responses)):
        if not text.strip():
            return "an empty prompt or response"
    texts = (draft.prompt, draft.reference, *(part for each in draft.responses for part in (each.text, each.source)))
    return "" if all(map(_storable, texts)) else "characters that no text can hold (NUL, or half of a pair)"


@transaction.atomic
def add_items(project: LabelProject, drafts: Sequence[ItemDraft], after: int | None = None) -> int:
    """Append items, all or none, and return how many.

    ``after`` is the number of the last item when these were looked at: the same form sent twice adds them once. Raises
    UserError when one of them does not fit the mode, and (409) when other items were added since.
    """
    # One import at a time numbers its items, and mode and overlap stay as they are until they are in.
    locked = LabelProject.objects.select_for_update(no_key=True).get(pk=project.pk)
    for position, draft in enumerate(drafts, start=1):
        if reason := why_not(Mode(locked.mode), draft):
            raise UserError(f"Item {position} has {reason}.")
    last = last_number(project)
    if after is not None and last != after:
        raise UserError(
            "Items were added to this project meanwhile. Look at what is there before adding more.", status=409
        )
    for start in range(0, len(drafts), BATCH):
        _add(project, drafts[start : start + BATCH], last + start + 1, locked.overlap)
    return len(drafts)


def last_number(project: LabelProject) -> int:
    """Number of a project's last item; 0 when it has none."""
    return int(project.items.aggregate(last=Max("number"))["last"] or 0)


@transaction.atomic
def set_aside(item: LabelItem, aside: bool) -> None:
    """Take an item out of the queue, or put it back. Whoever has it in hand may finish it; nothing is lost."""
    locked = LabelItem.objects.select_for_update(no_key=True).get(pk=item.pk)
    locked.set_aside = aside
    locked.save(update_fields=["set_aside"])
    recount([item.pk])


def _add(project: LabelProject, drafts: Sequence[ItemDraft], first: int, overlap: int) -> None:
    items = LabelItem.objects.bulk_create(
        LabelItem(
            project=project,
            number=number,
            prompt=draft.prompt,
            reference=draft.reference,
            origin=draft.origin,
            wanted=draft.wanted,
            free=overlap if draft.wanted is None else draft.wanted,
        )
        for number, draft in enumerate(drafts, start=first)
    )
    ItemResponse.objects.bulk_create(
        ItemResponse(item=item, index=index, **asdict(response))
        for item, draft in zip(items, drafts, strict=True)
        for index, response in enumerate(draft.responses)
    )


def _storable(text: str) -> bool:
    """Whether PostgreSQL takes the text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
