"""Which labels go into files, and under which names of annotators."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from webapp.labeling.choices import AnnotationKind
from webapp.labeling.models import Annotation, LabelProject
from webapp.labeling.stored_labels import LabeledItem, labeled_items, pseudonym


@dataclass(frozen=True, slots=True)
class Selection:
    """What is taken of a project's labels."""

    ties: bool = True
    """Whether pairs that nobody decided stay; of the two responses of a tie neither is better."""
    adjudicated: bool = False
    """Adjudicated labels alone."""
    least_labels: int = 1
    """Items with fewer labels are left out, unless adjudicated."""
    names: bool = False
    """Annotators by the names they log in with, in place of pseudonyms."""

    def items(self, project: LabelProject) -> Iterator[LabeledItem]:
        """The items, by number, with those of their labels that are taken."""
        for labeled in labeled_items(project):
            kinds = [each.kind for each in labeled.annotations]
            if AnnotationKind.ADJUDICATED not in kinds and (
                self.adjudicated or kinds.count(AnnotationKind.LABEL) < self.least_labels
            ):
                continue
            yield replace(labeled, annotations=labeled.verdicts) if self.adjudicated else labeled

    def name_of(self, annotation: Annotation) -> str:
        return annotation.annotator.username if self.names else pseudonym(annotation)

    def words(self) -> list[str]:
        """For the card."""
        return [
            "Pairs that tie are kept and marked." if self.ties else "Pairs that tie are left out.",
            "Adjudicated labels alone."
            if self.adjudicated
            else f"Items with {self.least_labels} label{'s' * (self.least_labels > 1)} or more, and adjudicated ones.",
            "Annotators by name." if self.names else "Annotators by pseudonym, the same one in all files.",
        ]


EVERYTHING = Selection()
