"""The words that labeling stores: modes, states, kinds and reasons."""

from django.db import models


class Mode(models.TextChoices):
    """What is asked of an item; `values` says which answers each of them takes."""

    PAIRWISE = "pairwise", "Two responses, five points"
    RANKING = "ranking", "Ranking with ties"
    RATING = "rating", "Rating by a rubric"
    TREE_STEP = "tree_step", "Best next step"


class Reveal(models.TextChoices):
    """When a labeler may learn which model wrote what."""

    NEVER = "never", "Never"
    AFTER_SUBMIT = "after_submit", "After the label is given"


class AssignmentState(models.TextChoices):
    """What became of an item in a labeler's hands."""

    RESERVED = "reserved", "Reserved"
    SUBMITTED = "submitted", "Labeled"
    SKIPPED = "skipped", "Skipped"
    EXPIRED = "expired", "Expired"
    WITHDRAWN = "withdrawn", "Withdrawn"


HOLDING = (AssignmentState.RESERVED, AssignmentState.SUBMITTED)
"""States in which an assignment takes a place of its item."""

LIVE = (*HOLDING, AssignmentState.SKIPPED)
"""States in which its annotator is not given the item again."""


class SkipReason(models.TextChoices):
    """Why a labeler passed an item on to others."""

    TOO_HARD = "too_hard", "Too hard for me"
    TOO_LONG = "too_long", "Takes too long"
    KNOWN = "known", "I know where it comes from"
    OTHER = "other", "Another reason"


class FlagReason(models.TextChoices):
    """What is wrong with an item itself."""

    INVALID = "invalid", "Invalid"
    UNSAFE = "unsafe", "Unsafe"
    CANNOT_JUDGE = "cannot_judge", "Cannot be judged"
    TRUNCATED = "truncated", "Cut off"


class AnnotationKind(models.TextChoices):
    """Where a label stands among those of its item."""

    LABEL = "label", "Label"
    ADJUDICATED = "adjudicated", "Adjudicated"
    REPEAT = "repeat", "Mirrored repeat"
