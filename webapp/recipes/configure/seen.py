"""Whether what a form replaces is still what its page showed: of two who edit at once the second is told, and decides.

The page sends ``seen`` back, a mark of what it showed.
"""

import hashlib

from django.http import HttpRequest

from training.config.recipe import Recipe, Stage

CHANGED = "It was changed elsewhere since you opened this page. Saving once more puts yours in its place."


def mark_of(shown: Recipe | Stage) -> str:
    """Equal for what is equal."""
    return hashlib.sha256(shown.model_dump_json().encode()).hexdigest()[:16]


def changed_since(request: HttpRequest, stored: Recipe | Stage) -> bool:
    """Whether the page showed something else than what is stored now; False where it does not say."""
    seen = request.POST.get("seen", "")
    return bool(seen) and seen != mark_of(stored)
