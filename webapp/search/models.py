"""What searches left behind: trees with their nodes and replays, verified solutions, and the hard subset of each phase.

Lists read the narrow tables. A tree's nodes are rows, its replay is compact columns beside it; texts stand in a table
of their own and are read on open.
"""

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models.functions import Now

from webapp.inspection.models import SEARCH_CONFIG, Prompt, RolloutGroup, searched
from webapp.runs.models import Run
from webapp.search.checks import SolutionCheck as SolutionCheck

SEARCHED = ("problem_id", "prompt", "text")
FIGURES = ["id", "found_by", "length", "times_used", "tokens_saved", "found_at", "invalid_at"]


class SearchTree(models.Model):
    """The finished search of one problem at one step."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="trees", db_index=False)
    group = models.OneToOneField(RolloutGroup, models.SET_NULL, null=True, related_name="tree")
    """The recorded trajectories, as rollouts."""
    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="trees")
    step = models.PositiveIntegerField()
    split = models.CharField(max_length=8)
    index = models.PositiveIntegerField()
    nodes = models.PositiveIntegerField()
    ends = models.PositiveIntegerField()
    right_ends = models.PositiveIntegerField()
    expansions = models.PositiveIntegerField()
    depth = models.PositiveIntegerField()
    tokens = models.PositiveIntegerField()
    """Sampled for this tree."""
    prefix_tokens = models.PositiveIntegerField(default=0)
    prefix_recomputed = models.PositiveIntegerField(default=0)
    best_q = models.FloatField(null=True)
    mean_reward = models.FloatField()
    solved = models.BooleanField()
    uniform = models.BooleanField()
    exhausted = models.BooleanField(default=False)
    first_solved = models.PositiveIntegerField(null=True)
    """Number of the replay event of the first right end."""
    seconds = models.FloatField(default=0)
    why_kept = models.CharField(max_length=16, blank=True)
    """Rule by which the trainer sent all nodes; empty where it sent figures only."""
    stored = models.BooleanField(default=False)
    """All nodes stand in the database."""
    dropped = models.CharField(max_length=120, blank=True)
    """Why the nodes are gone, in words, where they were there before."""
    pinned = models.BooleanField(default=False)
    """Never dropped by the keeping rule."""

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["run", "step", "split", "index"], name="tree_once_a_step")]
        indexes = [
            models.Index(fields=["run", "-id"], name="tree_of_run"),
            models.Index(fields=["run", "tokens", "id"], name="tree_by_tokens"),
            models.Index(fields=["run", "depth", "id"], name="tree_by_depth"),
            models.Index(fields=["run", "nodes", "id"], name="tree_by_nodes"),
        ]

    def __str__(self) -> str:
        return f"tree {self.pk}"


class SearchBody(models.Model):
    """What is read when a tree is opened: its configs, its trajectories and the columns of its replay."""

    tree = models.OneToOneField(SearchTree, models.CASCADE, primary_key=True, related_name="body")
    search = models.JSONField(default=dict)
    credit = models.JSONField(default=dict)
    trajectories = models.JSONField(default=list)
    """[{"leaf": node number, "rollout": index in the group}, …]"""
    kind_array = models.BinaryField(null=True)
    node_array = models.BinaryField(null=True)
    value_array = models.BinaryField(null=True)
    tokens_array = models.BinaryField(null=True)
    frontier_array = models.BinaryField(null=True)
    best_q_array = models.BinaryField(null=True)
    changes_array = models.BinaryField(null=True)
    change_node_array = models.BinaryField(null=True)
    change_q_array = models.BinaryField(null=True)
    change_visits_array = models.BinaryField(null=True)

    def __str__(self) -> str:
        return f"body of {self.tree_id}"


class SearchNode(models.Model):
    """A step of a response: the columns of ``training.events.TREE_COLUMNS``, a row each."""

    pk = models.CompositePrimaryKey("tree_id", "number")
    tree = models.ForeignKey(SearchTree, models.CASCADE, related_name="node_rows", db_index=False)
    number = models.PositiveIntegerField()
    parent = models.IntegerField()
    """-1 for the root."""
    depth = models.PositiveIntegerField()
    tokens = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField()
    """Place in ``training.events.NODE_STATUSES``."""
    visits = models.PositiveIntegerField()
    q = models.FloatField()
    score = models.FloatField(null=True)
    surprise = models.FloatField(null=True)
    entropy = models.FloatField(null=True)
    path_surprise = models.FloatField(null=True)
    advantage = models.FloatField(null=True)
    loss_share = models.FloatField(null=True)
    trajectories = models.PositiveIntegerField()
    recorded = models.PositiveSmallIntegerField()
    """Place in ``training.events.RECORDED``."""
    born = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.tree_id}.{self.number}"


class SearchNodeText(models.Model):
    """Text and tokens of a node's step."""

    pk = models.CompositePrimaryKey("tree_id", "number")
    tree = models.ForeignKey(SearchTree, models.CASCADE, related_name="node_texts", db_index=False)
    number = models.PositiveIntegerField()
    text = models.TextField()
    token_ids = models.BinaryField()
    """int32"""
    logprobs = models.BinaryField()
    """float16"""

    def __str__(self) -> str:
        return self.text[:60]


class LiveTree(models.Model):
    """A tree of the step under way, as it last stood; gone when the step is stored."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="live_trees")
    step = models.PositiveIntegerField()
    index = models.PositiveIntegerField()
    tree = models.JSONField()
    """``training.events.GrowingTree``."""
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["index"]
        constraints = [models.UniqueConstraint(fields=["run", "index"], name="live_tree_once")]

    def __str__(self) -> str:
        return f"live tree {self.index} of run {self.run_id}"


class VerifiedSolution(models.Model):
    """A response that the verifier found right, kept for every run that asks the same problem."""

    problem = models.CharField(max_length=32)
    """``problem_key``: a hash of the normalised problem and its answer."""
    key = models.CharField(max_length=32)
    """``solution_key``: a hash of the normalised text."""
    problem_id = models.CharField(max_length=120)
    problem_set = models.CharField(max_length=160)
    """What the finding run was trained on, as ``problem_set_name`` says it."""
    prompt = models.TextField()
    answer = models.TextField()
    text = models.TextField()
    token_ids = models.BinaryField()
    """int32, with the end token."""
    logprobs = models.BinaryField()
    """float32, under the policy that sampled it."""
    tokenizer = models.CharField(max_length=32)
    """Digest of the tokenizer that the ids are of."""
    length = models.PositiveIntegerField()
    verifier = models.CharField(max_length=16)
    found_by = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="solutions")
    found_step = models.PositiveIntegerField()
    tree = models.ForeignKey(SearchTree, models.SET_NULL, null=True, related_name="solutions")
    node = models.PositiveIntegerField(null=True)
    found_at = models.DateTimeField()
    times_used = models.PositiveIntegerField(default=0)
    tokens_saved = models.BigIntegerField(default=0)
    verified_at = models.DateTimeField()
    invalid_at = models.DateTimeField(null=True)
    invalid_reason = models.TextField(blank=True)
    invalidated_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField(db_default=Now())  # stored or (in)validated: how workers know what is new
    search = models.GeneratedField(
        expression=SearchVector(*(searched(each, "   ") for each in SEARCHED), config=SEARCH_CONFIG),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["problem", "key"], name="solution_once_a_problem")]
        indexes = [
            models.Index(fields=["problem_set", "problem"], name="solution_of_set"),
            models.Index(fields=["times_used", "id"], name="solution_by_use"),
            models.Index(fields=["length", "id"], name="solution_by_length"),
            models.Index(fields=["changed_at"], name="solution_by_change"),
            models.Index(fields=["verifier"], name="solution_by_verifier"),
            GinIndex(fields=["search"], name="solution_search"),
            models.Index(fields=["problem"], include=FIGURES, name="solution_figures"),  # sums read no texts
        ]

    def __str__(self) -> str:
        return f"solution {self.pk}"

    @property
    def is_valid(self) -> bool:
        return self.invalid_at is None


class SolutionUse(models.Model):
    """A cached solution stood in for searches of a step: for one, or more where its problem came up more than once."""

    solution = models.ForeignKey(VerifiedSolution, models.CASCADE, related_name="uses")
    run = models.ForeignKey(Run, models.CASCADE, related_name="solution_uses", db_index=False)
    step = models.PositiveIntegerField()
    tokens_saved = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "step", "solution"], name="use_once_a_step")]

    def __str__(self) -> str:
        return f"use of {self.solution_id} in run {self.run_id}"


class HardSubset(models.Model):
    """The training problems after a look at how often direct sampling solves them. Lists are parallel."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="hard_subsets")
    step = models.PositiveIntegerField()
    phase = models.PositiveIntegerField()
    samples = models.PositiveIntegerField()
    ids = models.JSONField()
    right = models.JSONField()
    kept = models.JSONField()
    cached = models.JSONField()
    tokens = models.BigIntegerField()

    class Meta:
        ordering = ["phase"]
        constraints = [models.UniqueConstraint(fields=["run", "phase"], name="subset_once_a_phase")]

    def __str__(self) -> str:
        return f"phase {self.phase} of run {self.run_id}"
