"""What waits for a commit happens at once."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def committed(db: None) -> Iterator[None]:
    """As outside of a test's transaction: runs that move tell their recipes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.db.transaction.on_commit", lambda action, *_, **__: action())
        yield
