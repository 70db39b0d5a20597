"""What the page shows of a program that was run by hand."""

from dataclasses import dataclass
from functools import cached_property

from training.sandbox.types import ExecutionResult
from webapp.sandbox.models import ConsoleCall, SandboxWorker
from webapp.sandbox.words import OUTCOMES, TIERS, Outcome, Words


@dataclass(frozen=True)
class Shown:
    """A console's call, and its result once there is one."""

    row: ConsoleCall

    @cached_property
    def result(self) -> ExecutionResult | None:
        return self.row.result

    @property
    def outcome(self) -> Outcome | None:
        return OUTCOMES[self.result.status] if self.result else None

    @property
    def tier(self) -> Words | None:
        """The isolation it ran under; None where it never ran."""
        return TIERS.get(self.result.tier, Words(self.result.tier, "")) if self.result and self.result.tier else None

    @property
    def is_silent(self) -> bool:
        """Whether it ended without a word."""
        result = self.result
        return result is not None and not (result.stdout or result.stderr or result.value or result.error)

    @cached_property
    def has_worker(self) -> bool:
        """Whether anybody is there to take it."""
        return any(worker.is_ready for worker in SandboxWorker.objects.all())
