"""The tokens of a node's step. Only ids are stored; what each says is read off the rollouts of the same search."""

from dataclasses import dataclass

import numpy as np

from webapp.inspection.models import RolloutTokens
from webapp.inspection.scales import LOGPROB
from webapp.inspection.token_arrays import decode
from webapp.inspection.visible import visible
from webapp.search.models import SearchNodeText, SearchTree

MOST_TOKENS = 512
"""Shown of a step."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a step, as the policy drew it."""

    number: int
    id: int
    text: str | None
    """None where no rollout tells what the id says."""
    logprob: float
    look: str
    """CSS class of its log-probability's bucket."""

    @property
    def probability(self) -> float:
        return float(np.exp(self.logprob))


def read_tokens(tree: SearchTree, step: SearchNodeText | None) -> list[Token]:
    """The first `MOST_TOKENS` tokens of a step."""
    if step is None:
        return []
    ids = np.frombuffer(bytes(step.token_ids), "<i4").tolist()
    logprobs = np.frombuffer(bytes(step.logprobs), "<f2").astype(np.float64)
    if len(logprobs) != len(ids):
        return []
    pieces = _pieces(tree, ids, step.text)
    looks = [LOGPROB.css_class(bucket) for bucket in LOGPROB.buckets(-logprobs).tolist()]
    return [
        Token(place, ids[place], None if pieces is None else visible(pieces[place]), float(logprobs[place]), look)
        for place, look in enumerate(looks[:MOST_TOKENS])
    ]


def _pieces(tree: SearchTree, ids: list[int], text: str) -> list[str] | None:
    """The text of each id, where the rollouts of the search's group know all of them and they spell the step."""
    if tree.group_id is None:
        return None
    known: dict[int, str] = {}
    rows = RolloutTokens.objects.filter(rollout__group=tree.group_id).select_related("rollout__body")
    for row in rows.only("id_array", "end_array", "rollout__body__text"):
        body = row.rollout.body.text if hasattr(row.rollout, "body") else ""
        arrays = decode(row, body)
        if arrays is not None and arrays.ids is not None:
            known.update(zip(arrays.ids.tolist(), arrays.pieces(body), strict=True))
    pieces = [known.get(each) for each in ids]
    found = [piece for piece in pieces if piece is not None]
    return found if len(found) == len(ids) and "".join(found) == text else None
