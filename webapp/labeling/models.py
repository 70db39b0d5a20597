"""What is labeled, by whom, and what they said.

Nothing here points at a rollout's row: those are stored anew when a run's events are read again. A response that was a
rollout keeps its text, and names the rollout by run, step, split, group and number in the group.

The row lock of an item guards all its assignments and its counters (`queue` says how).
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from webapp.labeling.choices import HOLDING, LIVE, AnnotationKind, AssignmentState, FlagReason, Mode, Reveal, SkipReason
from webapp.labeling.generation.job import GenerationJob as GenerationJob  # a row of this app like the others
from webapp.labeling.score_models import PreferenceReport as PreferenceReport  # and so are these
from webapp.labeling.score_models import RankingsUsed as RankingsUsed
from webapp.labeling.score_models import ResponseScore as ResponseScore
from webapp.runs.models import Run


class LabelProject(models.Model):
    """Items that are labeled in one way, under one set of instructions."""

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    instructions = models.TextField(blank=True)
    """Markdown."""
    mode = models.CharField(max_length=12, choices=Mode)
    rubric = models.JSONField(default=list)
    """Of a rating: criteria, each as ``values.Criterion``."""
    overlap = models.PositiveSmallIntegerField(default=1)
    """Labels wanted for each item."""
    everyone = models.BooleanField(default=True)
    """Whether all labelers may label; otherwise those of ``labelers``."""
    labelers = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="label_projects", blank=True)
    reservation_minutes = models.PositiveSmallIntegerField(default=15)
    mirror_every = models.PositiveSmallIntegerField(default=0)
    """Every so many items a labeler is given one that they have done before, in reverse order; 0: never."""
    reveal = models.CharField(max_length=12, choices=Reveal, default=Reveal.NEVER)
    too_fast_seconds = models.FloatField(default=3.0)
    """Labels given sooner than this are marked where labels are looked at."""
    is_open = models.BooleanField(default=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name


class LabelItem(models.Model):
    """A prompt with the responses to it."""

    project = models.ForeignKey(LabelProject, models.CASCADE, related_name="items", db_index=False)
    number = models.PositiveIntegerField()
    """From 1; items are given out in this order."""
    prompt = models.TextField()
    reference = models.TextField(blank=True)
    """The reference answer, which labelers never see."""
    origin = models.JSONField(default=dict)
    """Where it comes from: run, step and problem, or file and row."""
    wanted = models.PositiveSmallIntegerField(null=True)
    """Labels wanted, where that is not the project's overlap."""
    set_aside = models.BooleanField(default=False)
    """Taken out of the queue, such as for a flag: nobody is given it, and its labels count nowhere until it is back."""
    submitted = models.PositiveIntegerField(default=0)
    """Labels given and not withdrawn; repeats do not count."""
    free = models.PositiveSmallIntegerField(default=0)
    """Places that nobody holds: labels wanted, less those given, less reservations; 0 of an item set aside."""

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="item_number_once_a_project")]
        indexes = [models.Index(fields=["project", "number"], condition=Q(free__gt=0), name="item_wants_labels")]

    def __str__(self) -> str:
        return f"item {self.number}"


class ItemResponse(models.Model):
    """One of the responses of an item. All but its text is hidden from labelers."""

    item = models.ForeignKey(LabelItem, models.CASCADE, related_name="responses", db_index=False)
    index = models.PositiveSmallIntegerField()
    """Number among the item's responses, from 0; labels are stored in terms of it."""
    text = models.TextField()
    source = models.CharField(max_length=160, blank=True)
    """Who wrote it, in words."""
    correct = models.BooleanField(null=True)
    reward = models.FloatField(null=True)
    length = models.PositiveIntegerField(null=True)
    """In tokens."""
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="+")
    """This and the next four: the address of the rollout that it was."""
    step = models.PositiveIntegerField(null=True)
    split = models.CharField(max_length=8, blank=True)
    group_index = models.PositiveIntegerField(null=True)
    rollout_index = models.PositiveIntegerField(null=True)
    tree_node = models.PositiveIntegerField(null=True)
    """Number of the node in its search tree."""

    class Meta:
        ordering = ["index"]
        constraints = [models.UniqueConstraint(fields=["item", "index"], name="response_index_once_an_item")]
        indexes = [
            models.Index(
                fields=["run", "step", "group_index", "rollout_index"],
                condition=Q(run__isnull=False),
                name="response_by_rollout",
            )
        ]

    def __str__(self) -> str:
        return self.text[:60]


class LabelerTurn(models.Model):
    """How far a labeler is in a project. Its row lock lets one request of a labeler through at a time."""

    project = models.ForeignKey(LabelProject, models.CASCADE, related_name="turns", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    handed = models.PositiveIntegerField(default=0)
    """Items given to them, repeats included."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "user"], name="turn_once_a_labeler")]

    def __str__(self) -> str:
        return f"{self.handed} items"


class Assignment(models.Model):
    """An item in the hands of a labeler."""

    project = models.ForeignKey(LabelProject, models.CASCADE, related_name="assignments", db_index=False)
    item = models.ForeignKey(LabelItem, models.CASCADE, related_name="assignments")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="assignments")
    slot = models.PositiveSmallIntegerField(null=True)
    """Which of the item's places it takes, from 0; none: a repeat, or a label beyond those wanted."""
    attempt = models.PositiveSmallIntegerField(default=0)
    """How often this annotator had been given the item before."""
    repeat_of = models.ForeignKey("self", models.CASCADE, null=True, related_name="repeats")
    """The assignment whose order this one shows in reverse."""
    order = models.JSONField()
    """Indices of the responses in the order shown."""
    handles = models.JSONField()
    """In the order shown, the names by which a browser knows the responses; they tell nothing."""
    state = models.CharField(max_length=10, choices=AssignmentState, default=AssignmentState.RESERVED)
    reserved_at = models.DateTimeField()
    reserved_until = models.DateTimeField()
    skip_reason = models.CharField(max_length=10, choices=SkipReason, blank=True)
    skip_comment = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "slot"], condition=Q(state__in=HOLDING), name="slot_held_once"),
            models.UniqueConstraint(
                fields=["item", "annotator"], condition=Q(state__in=LIVE, repeat_of=None), name="item_once_an_annotator"
            ),
            models.UniqueConstraint(fields=["repeat_of"], condition=Q(state__in=LIVE), name="repeated_once"),
        ]
        indexes = [
            models.Index(
                fields=["project", "reserved_until"], condition=Q(state="reserved"), name="reservation_by_its_end"
            ),
            models.Index(fields=["project", "annotator", "state", "id"], name="assignment_by_annotator"),
        ]

    def __str__(self) -> str:
        return f"{self.item_id} for {self.annotator_id}: {self.state}"


class Draft(models.Model):
    """What a labeler has entered so far, saved as they go."""

    assignment = models.OneToOneField(Assignment, models.CASCADE, primary_key=True, related_name="draft")
    value = models.JSONField()
    saved_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"draft of {self.assignment_id}"


class Annotation(models.Model):
    """A label. It is never changed: to withdraw one leaves its row, and adjudication adds one."""

    item = models.ForeignKey(LabelItem, models.CASCADE, related_name="annotations")
    assignment = models.OneToOneField(Assignment, models.CASCADE, null=True, related_name="annotation")
    """None where it was adjudicated."""
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="annotations")
    client_id = models.UUIDField(unique=True)
    """Made by the browser: the same label sent twice is stored once."""
    kind = models.CharField(max_length=12, choices=AnnotationKind, default=AnnotationKind.LABEL)
    value = models.JSONField()
    """In terms of response indices; `values` says what each mode stores."""
    comment = models.TextField(blank=True)
    seconds = models.FloatField()
    """Time the item was on the screen, as the browser measured it."""
    submitted_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.kind} of {self.item_id} by {self.annotator_id}"


class Flag(models.Model):
    """A labeler's word that something is wrong with an item."""

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="flags", db_index=False)
    reason = models.CharField(max_length=12, choices=FlagReason)
    comment = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["assignment", "reason"], name="flag_once_a_reason")]

    def __str__(self) -> str:
        return self.reason


class LabelStatistics(models.Model):
    """Figures of a project as they were last computed; what they hold is up to the module that computes them."""

    project = models.ForeignKey(LabelProject, models.CASCADE, related_name="statistics", db_index=False)
    kind = models.CharField(max_length=20)
    state = models.CharField(max_length=200)
    """Of the labels that were read; figures are current as long as it is the same."""
    content = models.JSONField()
    computed_at = models.DateTimeField()
    seconds = models.FloatField()
    """That computing took."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "kind"], name="statistics_once_a_kind")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.project_id}"
