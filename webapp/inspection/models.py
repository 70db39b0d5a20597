"""What a run produced. Lists read the narrow tables; texts and token arrays stand in 1:1 tables, read on open.

One module, since the tables of a rollout are read together.
"""

import json

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models.functions import Left

from webapp.inspection.outcomes import ending_of
from webapp.runs.models import Run

SEARCHED_CHARACTERS = 100_000
"""A tsvector holds at most 1 MB; what lies beyond this in a response is not found by search."""

SEARCH_CONFIG = "simple"
"""No stemming and no stop words: a search for ``wait`` finds ``wait``."""

UNSEARCHED = "<>/"
"""PostgreSQL's parser takes ``a<b and c>d`` for a tag and ``1/2`` for a file, and would leave their words out."""

EQUAL_SPREAD = 1e-8
"""Rewards that differ by less count as equal, as in training."""


def searched(column: str, stand_ins: str) -> models.Func:
    """The part of a text that is searched, with ``stand_ins`` for the characters that must not reach the parser."""
    beginning = Left(column, SEARCHED_CHARACTERS)
    return models.Func(beginning, models.Value(UNSEARCHED), models.Value(stand_ins), function="translate")


class Split(models.TextChoices):
    """Where a problem comes from."""

    TRAIN = "train", "Training"
    HELDOUT = "heldout", "Held-out"


class Verdict(models.TextChoices):
    """What the verifier said of a response; shown as icon, word and colour."""

    RIGHT = "right", "Right"
    WRONG = "wrong", "Wrong"
    UNVERIFIED = "unverified", "Not verified"

    @classmethod
    def of(cls, correct: bool | None) -> "Verdict":
        return cls.UNVERIFIED if correct is None else cls.RIGHT if correct else cls.WRONG

    @property
    def correct(self) -> bool | None:
        return None if self is Verdict.UNVERIFIED else self is Verdict.RIGHT

    @property
    def icon(self) -> str:
        return {"right": "✓", "wrong": "✕", "unverified": "?"}[self.value]

    @property
    def tone(self) -> str:
        """Name of the colour token."""
        return {"right": "good", "wrong": "bad", "unverified": "warn"}[self.value]


class Prompt(models.Model):
    """A problem as a run asked it; evaluations ask the same ones again and again, so it is stored once."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="prompts")
    problem_id = models.CharField(max_length=120)
    text = models.TextField()
    answer = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "problem_id"], name="prompt_once_a_run")]

    def __str__(self) -> str:
        return self.problem_id


class RolloutGroup(models.Model):
    """All responses to one prompt at one step."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="groups")
    step = models.PositiveIntegerField()
    split = models.CharField(max_length=8)
    index = models.PositiveIntegerField()
    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="groups")
    trained = models.BooleanField(default=True)
    weights_version = models.PositiveIntegerField(default=0)
    size = models.PositiveIntegerField()
    reward_mean = models.FloatField()
    reward_std = models.FloatField()
    """Population standard deviation; of 0, a group that was sampled teaches nothing."""
    correct_count = models.PositiveIntegerField()
    length_mean = models.FloatField()
    expert = models.JSONField(null=True)
    """Where an expert's step was to be predicted: ``training.events.ExpertRecord``, and under ``faults`` for each
    response why no step could be read off it."""

    reused = False
    """Whether it has cached solutions; for the pages that ask, which set it."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "step", "split", "index"], name="group_once_a_step"),
        ]

    def __str__(self) -> str:
        return f"run {self.run_id} step {self.step} {self.split} {self.index}"

    @property
    def teaches_nothing(self) -> bool:
        """Whether all its responses earned the same."""
        return self.reward_std <= EQUAL_SPREAD

    @property
    def pass_rate(self) -> float:
        return self.correct_count / self.size if self.size else 0.0


class Rollout(models.Model):
    """One response."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="rollouts", db_index=False)
    group = models.ForeignKey(RolloutGroup, models.CASCADE, related_name="rollouts")
    step = models.PositiveIntegerField()
    split = models.CharField(max_length=8)
    index = models.PositiveIntegerField()
    reward = models.FloatField()
    advantage = models.FloatField(null=True)
    correct = models.BooleanField(null=True)
    extracted = models.TextField(null=True)
    parts = models.JSONField(default=dict)
    finish_reason = models.CharField(max_length=8)
    length = models.PositiveIntegerField()
    greedy = models.BooleanField(default=False)
    cached = models.BooleanField(default=False)
    """A verified solution of an earlier policy, in place of a response of this one."""
    selected = models.BooleanField(default=True)
    """False where resample-on-correct left it out of the update."""
    weights_version = models.PositiveIntegerField(null=True)
    """Step after which the weights that drew it stood; null where that is not known."""

    class Meta:
        indexes = [
            models.Index(fields=["run", "split", "step", "id"], name="rollout_by_step"),
            models.Index(fields=["run", "split", "reward", "id"], name="rollout_by_reward"),
            models.Index(fields=["run", "split", "length", "id"], name="rollout_by_length"),
            models.Index(fields=["run", "split", "advantage", "id"], name="rollout_by_advantage"),
        ]

    def __str__(self) -> str:
        return f"rollout {self.pk}"

    @property
    def verdict(self) -> "Verdict":
        return Verdict.of(self.correct)

    @property
    def is_truncated(self) -> bool:
        return self.finish_reason == "length"

    @property
    def steps_behind(self) -> int | None:
        """Steps that the weights which drew it were older than those it was learned with; of training alone."""
        known = self.weights_version is not None and self.split == "train"
        return max(self.step - 1 - (self.weights_version or 0), 0) if known else None


class RolloutText(models.Model):
    """A response's text."""

    rollout = models.OneToOneField(Rollout, models.CASCADE, primary_key=True, related_name="body")
    text = models.TextField()
    search = models.GeneratedField(
        expression=SearchVector(searched("text", "   "), config=SEARCH_CONFIG),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        indexes = [GinIndex(fields=["search"], name="rollout_text_search")]

    def __str__(self) -> str:
        return self.text[:60]


class RolloutTokens(models.Model):
    """A response's per-token arrays, each as ``training.events.TOKEN_ARRAYS`` says; null where there is none."""

    rollout = models.OneToOneField(Rollout, models.CASCADE, primary_key=True, related_name="tokens")
    id_array = models.BinaryField(null=True)
    end_array = models.BinaryField(null=True)
    logprob_array = models.BinaryField(null=True)
    entropy_array = models.BinaryField(null=True)
    advantage_array = models.BinaryField(null=True)
    ratio_array = models.BinaryField(null=True)
    clipped_array = models.BinaryField(null=True)
    ref_logprob_array = models.BinaryField(null=True)
    value_array = models.BinaryField(null=True)
    mask_array = models.BinaryField(null=True)

    def __str__(self) -> str:
        return f"tokens of {self.rollout_id}"


class RolloutTrace(models.Model):
    """Of a response that may call tools: its turns, and how many calls there were. The calls are ``ToolCall``s."""

    rollout = models.OneToOneField(Rollout, models.CASCADE, primary_key=True, related_name="trace")
    ending = models.CharField(max_length=10)
    """See ``training.events.Ending``."""
    turn_count = models.PositiveIntegerField()
    call_count = models.PositiveIntegerField()
    """Calls that the model wrote, those that nobody ran included."""
    failed_count = models.PositiveIntegerField()
    """Those that went wrong by the model's own fault."""
    tool_tokens = models.PositiveIntegerField()
    """Tokens of the response that the model did not draw: results, and the turn marks around them."""
    answers = models.PositiveIntegerField()
    """Answer tags that the model opened."""
    seconds = models.FloatField()
    turns = models.JSONField(default=list)
    """One for each turn, as ``training.events.TurnRecord`` says: tokens [start, end), seconds began, entered, ended."""
    forking_tokens = models.PositiveIntegerField(default=0)
    """This and the next three: its most uncertain tokens, sorted by ``training.token_classes``."""
    reflection_tokens = models.PositiveIntegerField(default=0)
    code_tokens = models.PositiveIntegerField(default=0)
    other_tokens = models.PositiveIntegerField(default=0)
    diff = models.TextField(default="")
    """Where the response had a repository, all that it changed in it."""
    tests = models.TextField(default="")
    """What the repository's tests said in the end; empty where there was none."""

    def __str__(self) -> str:
        return f"trace of {self.rollout_id}"

    @property
    def ended(self) -> str:
        """In words, what ended it."""
        return ending_of(self.ending)


class ToolCall(models.Model):
    """One tool call of a response; ``training.events.ToolCallRecord`` says what each field means."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="tool_calls", db_index=False)
    rollout = models.ForeignKey(Rollout, models.CASCADE, related_name="tool_calls")
    step = models.PositiveIntegerField()
    split = models.CharField(max_length=8)
    index = models.PositiveIntegerField()
    """Number among the calls of the response, from 0."""
    turn = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    status = models.CharField(max_length=16)
    arguments = models.TextField()
    result = models.TextField()
    stdout = models.TextField()
    stderr = models.TextField()
    value = models.TextField()
    error = models.TextField()
    truncated = models.BooleanField()
    start_token = models.PositiveIntegerField()
    end_token = models.PositiveIntegerField()
    began = models.FloatField()
    ended = models.FloatField()
    queue_s = models.FloatField()
    wall_s = models.FloatField()

    class Meta:
        indexes = [
            models.Index(fields=["run", "split", "step", "id"], name="tool_call_by_step"),
            models.Index(fields=["run", "split", "status", "id"], name="tool_call_by_status"),
        ]

    def __str__(self) -> str:
        return f"call {self.index} of {self.rollout_id}"

    @property
    def code(self) -> str | None:
        """The code it wanted run, where it can be read off the arguments."""
        try:
            arguments = json.loads(self.arguments)
        except (ValueError, RecursionError):
            return None
        code = arguments.get("code") if isinstance(arguments, dict) else None
        return code if isinstance(code, str) else None
