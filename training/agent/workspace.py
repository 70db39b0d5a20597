"""The repository of one conversation: what its tools read and change. Nothing of it lies on a disk."""

from dataclasses import dataclass, field
from types import MappingProxyType

from training.problems.repository import Files, difference, with_tests_of


@dataclass(slots=True, eq=False)
class Workspace:
    """Files as one conversation has made them; another conversation about the same problem has its own."""

    original: Files
    """As they were found."""
    files: Files = field(default_factory=dict)
    """As they are; a change replaces the mapping, so that who has taken it keeps what it took."""

    def __post_init__(self) -> None:
        self.files = MappingProxyType(dict(self.original))

    def write(self, path: str, text: str) -> None:
        """Replace the text of a file."""
        self.files = MappingProxyType({**self.files, path: text})

    @property
    def to_be_tested(self) -> Files:
        """What the reward is decided on: the files with their own tests."""
        return with_tests_of(self.original, self.files)

    @property
    def diff(self) -> str:
        """All that was changed; empty where nothing was."""
        return difference(self.original, self.files)
