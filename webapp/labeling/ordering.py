"""The order in which a labeler sees responses, and the names by which the browser knows them."""

import hashlib
import random
import secrets


def shown_order(project: int, item: int, annotator: int, attempt: int, count: int) -> list[int]:
    """A permutation of ``range(count)``: random over items and annotators, the same for the same arguments.

    The four numbers are primary keys and the annotator's attempt at the item. It is stored with the assignment, so
    that a preference for a side can be measured.
    """
    digest = hashlib.sha256(f"{project}/{item}/{annotator}/{attempt}".encode()).digest()
    order = list(range(count))
    random.Random(int.from_bytes(digest)).shuffle(order)
    return order


def new_handles(count: int) -> list[str]:
    """Names for responses, drawn anew for each assignment, so that none can be told from another item's."""
    handles: set[str] = set()
    while len(handles) < count:
        handles.add(secrets.token_hex(4))
    return list(handles)
