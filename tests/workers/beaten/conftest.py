"""One real stack for all that is killed here; it takes longer to start than to recover."""

from collections.abc import Iterator

import pytest

from tests.workers.stack import RealStack, real_stack


@pytest.fixture(scope="package")
def stack() -> Iterator[RealStack]:
    """Looks for lost runs often, and has a worker for models' programs. The last test may stop it."""
    with real_stack(MAINTENANCE_SECONDS="2", SANDBOX_WORKERS="1") as stack:
        yield stack
