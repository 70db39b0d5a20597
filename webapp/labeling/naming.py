"""How annotators are called: by name for researchers, by a pseudonym for viewers and in files that may be published."""

from webapp.accounts.models import User


def pseudonym_of(annotator: int) -> str:
    """Of the user with this key; the same everywhere."""
    return f"annotator-{annotator}"


def name_for(reader: User, annotator: int, username: str) -> str:
    """What ``reader`` may call an annotator."""
    return username if reader.is_researcher else pseudonym_of(annotator)
