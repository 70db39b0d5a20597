"""What is known about the model and the problems that a config names, found out without loading either."""

import json
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from django.db.models.functions import Length
from huggingface_hub import try_to_load_from_cache
from tokenizers import Tokenizer

from training.agent.schema import builtin_schemas, schema_messages
from training.builtin import MODEL_DIRS
from training.config import (
    BuiltinModel,
    BuiltinProblems,
    CheckpointModel,
    HubModel,
    ImportedProblems,
    LocalModel,
    PromptConfig,
    RewardCheckpoint,
    RlMethod,
    RunConfig,
)
from training.config.shape import ModelShape, ShapeError, read_shape
from webapp.datasets.models import Problem, ProblemSet
from webapp.runs.models import Checkpoint

BUILTIN_PROMPTS = ("Start with 12. " + "Multiply by 23. " * 6, "2*3-4=?")
"""As long as the longest built-in problem, and as short as the shortest."""
TEMPLATE_CHARACTERS = {"chat": 24, "r1_zero": 480, "plain": 1}
"""What a template adds around a problem, about; a chat template's markers are single tokens."""
ENGLISH = "The assistant first thinks about the reasoning in the mind and then gives the answer. " * 6
CHARACTERS_PER_TOKEN = 3
"""Where there is no tokenizer to ask; text of mathematics has few characters a token."""
NAMED_SIZE = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)([BM])(?![A-Za-z])", re.IGNORECASE)
LARGEST_FILE = 64 * 2**20
"""Bytes of a problem file that are read to count its problems."""


@dataclass(frozen=True, slots=True)
class ProblemFacts:
    """What a problem set holds; None where that is not known."""

    train: int | None = None
    heldout: int | None = None
    solutions: int | None = None
    longest_prompt: str = ""
    shortest_prompt: str = ""
    error: str = ""
    """Why the set cannot be used."""
    has_answers: bool = True
    """Whether any of its problems has an answer to check responses by."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one config."""

    folder: Path | None
    """Where the model is on this machine; None when it would be downloaded."""
    shape: ModelShape | None
    shape_error: str
    problems: ProblemFacts
    prompt_tokens: int
    """Of the longest prompt, about."""
    shortest_prompt_tokens: int
    reward_folder: Path | None
    """Where the reward model is; None for none, or when it is gone."""
    reward_shape: ModelShape | None
    named_parameters: int | None
    """What the name of a model says of its size, where nothing else is known."""


def facts_of(config: RunConfig) -> Facts:
    """Reads a few small files and rows."""
    folder = model_folder(config)
    shape, error = None, ""
    if folder is not None:
        try:
            shape = read_shape(folder)
        except ShapeError as reason:
            error = str(reason)
    problems = problem_facts(config)
    reward_folder = reward_model_folder(config)
    return Facts(
        folder,
        shape,
        error,
        problems,
        prompt_tokens(folder, problems.longest_prompt, config.prompt),
        prompt_tokens(folder, problems.shortest_prompt, config.prompt),
        reward_folder,
        shape_if_any(reward_folder),
        parameters_in_name(config.model.name) if isinstance(config.model, HubModel) and shape is None else None,
    )


def parameters_in_name(name: str) -> int | None:
    """``Qwen/Qwen3-0.6B`` → 600,000,000."""
    found = NAMED_SIZE.search(name.rsplit("/", 1)[-1])
    return round(float(found[1]) * {"b": 10**9, "m": 10**6}[found[2].lower()]) if found else None


def model_folder(config: RunConfig) -> Path | None:
    """The folder of the config's model; None for a hub model that is not in this machine's cache."""
    match config.model:
        case BuiltinModel(variant=variant):
            return MODEL_DIRS[variant]
        case LocalModel(path=path):
            return Path(path)
        case CheckpointModel(run=run, step=step):
            return checkpoint_folder(run, step)
        case HubModel(name=name, revision=revision):
            cached = try_to_load_from_cache(name, "config.json", revision=revision)
            return Path(cached).parent if isinstance(cached, str) else None


def checkpoint_folder(run: int, step: int) -> Path | None:
    """Of a run's checkpoint; None when there is none (any more)."""
    checkpoint = Checkpoint.objects.select_related("run").filter(run=run, step=step, removed_at=None).first()
    return checkpoint.folder if checkpoint else None


def reward_model_folder(config: RunConfig) -> Path | None:
    """The folder of the reward model that the config's method is paid by; None for none, and for one that is gone."""
    if not isinstance(config.method, RlMethod):
        return None
    match config.method.reward.learned.model:
        case LocalModel(path=path):
            return Path(path)
        case RewardCheckpoint(run=run, step=step):
            return checkpoint_folder(run, step)
        case _:
            return None


def shape_if_any(folder: Path | None) -> ModelShape | None:
    """What can be read of a folder's model; None where nothing can."""
    try:
        return read_shape(folder) if folder else None
    except ShapeError:
        return None


def problem_facts(config: RunConfig) -> ProblemFacts:
    """Counts and the longest prompt of the config's problem set."""
    match config.problems:
        case BuiltinProblems(train_count=train, heldout_count=heldout):
            return ProblemFacts(train, heldout, train, *BUILTIN_PROMPTS)
        case ImportedProblems(slug=slug):
            stored = ProblemSet.objects.filter(slug=slug).first()
            if stored is None:
                return ProblemFacts(error=f"There is no imported set {slug!r}. Import it on the Datasets page.")
            counts = stored.train_count, stored.heldout_count, stored.solution_count
            has_answers = stored.report.get("unanswered", 0) < stored.train_count + stored.heldout_count
            extremes = _extreme_prompts(stored.pk, stored.content_hash)
            return ProblemFacts(*counts, *extremes, has_answers=has_answers)
        case problems:
            return _file_facts(Path(problems.path))


def prompt_tokens(folder: Path | None, problem: str, prompt: PromptConfig) -> int:
    """Tokens of a problem's prompt, template and system message included, about."""
    around = ENGLISH[: TEMPLATE_CHARACTERS[prompt.template]]
    texts = [problem, around, prompt.system if prompt.template == "chat" else "", _about_tools(folder, prompt)]
    return sum(count_tokens(folder, text) for text in texts if text)


def _about_tools(folder: Path | None, prompt: PromptConfig) -> str:
    """What the prompt says of tools, about."""
    schemas, marks = builtin_schemas(prompt.tools, prompt.toolset), ENGLISH[: TEMPLATE_CHARACTERS["chat"]]
    if prompt.tools == "schema":
        told = schema_messages("", prompt.system, schemas, prompt.toolset, prompt.calls)
        return marks.join(message["content"] for message in told)
    if prompt.tools == "none":
        return ""
    template = folder / "chat_template.jinja" if folder else None
    names_only = template is not None and template.is_file() and "tojson" not in template.read_text(encoding="utf-8")
    return (
        "\n".join(schema["function"]["name"] for schema in schemas) + marks
        if names_only
        else json.dumps(schemas) + ENGLISH
    )


def count_tokens(folder: Path | None, text: str) -> int:
    """Tokens of a text, by the model's own tokenizer where it is at hand."""
    path = folder / "tokenizer.json" if folder else None
    if path is None or not path.is_file():
        return len(text) // CHARACTERS_PER_TOKEN
    return _tokens(str(path), path.stat().st_mtime_ns, text)


@lru_cache(maxsize=64)
def _tokens(path: str, changed: int, text: str) -> int:
    try:
        return len(Tokenizer.from_file(path).encode(text).ids)
    except Exception:  # the library raises nothing more precise for a file it cannot read
        return len(text) // CHARACTERS_PER_TOKEN


@lru_cache(maxsize=64)
def _extreme_prompts(problem_set: int, content_hash: str) -> tuple[str, str]:
    """The longest and the shortest; a set's rows never change, so this is asked once."""
    problems = Problem.objects.filter(problem_set=problem_set).order_by(Length("prompt"))
    prompts = problems.values_list("prompt", flat=True)
    return prompts.last() or "", prompts.first() or ""


def _file_facts(path: Path) -> ProblemFacts:
    if not path.is_absolute():
        return ProblemFacts(
            error="Give the whole path: a new run's folder is empty, so nothing can lie relative to it."
        )
    try:
        if path.stat().st_size > LARGEST_FILE:
            return ProblemFacts()
        return _count_lines(str(path), path.stat().st_mtime_ns)
    except OSError as error:
        return ProblemFacts(error=f"{path} cannot be read: {error.strerror}.")


@lru_cache(maxsize=16)
def _count_lines(path: str, changed: int) -> ProblemFacts:
    facts = ProblemFacts(0, 0, 0)
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                facts = _with_line(facts, line)
                if facts.error:
                    return replace(facts, error=f"{path}, line {number}: {facts.error}")
    return facts


def _with_line(facts: ProblemFacts, line: bytes) -> ProblemFacts:
    try:
        problem = json.loads(line)
        prompt, split = str(problem["prompt"]), problem["split"]
    except (ValueError, KeyError, TypeError) as error:
        return replace(facts, error=f"not a problem with prompt, answer and split ({error}).")
    return ProblemFacts(
        (facts.train or 0) + (split == "train"),
        (facts.heldout or 0) + (split == "heldout"),
        (facts.solutions or 0) + bool(problem.get("solution") or problem.get("turns")),
        max(facts.longest_prompt, prompt, key=len),
        min(facts.shortest_prompt or prompt, prompt, key=len),
    )
