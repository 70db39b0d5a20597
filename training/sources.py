"""Finds what a config names: models and problem sets, in the product, in the data folder, on disk or on the hub."""

import logging
import os
from pathlib import Path
from typing import NamedTuple

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from training.agent.line_calls import problems_in_lines
from training.agent.schema import builtin_schemas
from training.builtin import MODEL_DIRS
from training.builtin.problems import built_in_problems
from training.checkpoints import checkpoint_name
from training.config import (
    BuiltinModel,
    BuiltinProblems,
    CheckpointModel,
    EvaluateMethod,
    FileProblems,
    HubModel,
    ImportedProblems,
    RunConfig,
)
from training.errors import InputError
from training.problems import Problem, ProblemFileError, read_problems
from training.problems.filters import has_integer_answer, without_overlap

logger = logging.getLogger("training")


class Problems(NamedTuple):
    """The two halves of a problem set."""

    train: list[Problem]
    heldout: list[Problem]


def data_folder() -> Path:
    """Where runs and imported problem sets live: $ESPALIER_DATA, or .espalier."""
    return Path(os.environ.get("ESPALIER_DATA", ".espalier"))


def load_problems(config: RunConfig, run_folder: Path) -> Problems:
    """Training and held-out problems, tool calls in demonstrations written as the run has them.

    Raises InputError when they cannot be had.
    """
    problems, prompt = _load_problems(config, run_folder), config.prompt
    if prompt.calls == "json":
        return problems
    schemas = builtin_schemas(prompt.tools, prompt.toolset)
    return Problems(*(problems_in_lines(half, schemas) for half in problems))


def _load_problems(config: RunConfig, run_folder: Path) -> Problems:
    source = config.problems
    if isinstance(source, BuiltinProblems):
        return Problems(
            built_in_problems(source.level, source.train_count, "train", source.seed),
            built_in_problems(source.level, source.heldout_count, "heldout", source.seed),
        )
    if isinstance(source, ImportedProblems):
        path = data_folder() / "problem-sets" / f"{source.slug}.jsonl"
    else:
        path = run_folder / source.path
    try:
        problems = read_problems(path)
    except FileNotFoundError as error:
        raise InputError(f"there is no problem set at {path}; import it first, or correct the name") from error
    except ProblemFileError as error:
        raise InputError(str(error)) from error
    heldout = [problem for problem in problems if problem.split == "heldout"]
    train = [problem for problem in problems if problem.split == "train"]
    if not train and not isinstance(config.method, EvaluateMethod):
        raise InputError(f"{path} has no training problems; some lines need split train")
    return Problems(_filtered(source, train, heldout), heldout)


def _filtered(source: ImportedProblems | FileProblems, train: list[Problem], heldout: list[Problem]) -> list[Problem]:
    """The training problems that the source's filters leave. Raises InputError when none is left."""
    kept = train
    if source.answers == "integers":
        kept = [problem for problem in kept if has_integer_answer(problem)]
    if source.overlap_words:
        kept = without_overlap(kept, heldout, source.overlap_words)
    if len(kept) < len(train):
        left_out = f"{len(train) - len(kept)} of {len(train)} training problems"
        logger.info("%s left out: no integer answer, or overlapping with held-out ones", left_out)
    if train and not kept:
        raise InputError("the filters leave no training problem; switch problems.answers or problems.overlap_words off")
    return kept


def load_model(config: RunConfig, device: torch.device) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model and tokenizer a run starts from, weights in float32. Raises InputError when they cannot be had."""
    source, attention = config.model, config.hardware.attention
    if isinstance(source, HubModel):
        return _load(source.name, device, attention, revision=source.revision)
    if isinstance(source, BuiltinModel):
        return load_folder(MODEL_DIRS[source.variant], device, attention)
    if isinstance(source, CheckpointModel):
        return load_folder(checkpoint_path(source.run, source.step), device, attention)
    return load_folder(Path(source.path), device, attention)


def checkpoint_path(run: int, step: int) -> Path:
    """The folder of a run's checkpoint. Raises InputError when there is none."""
    path = data_folder() / "runs" / str(run) / "checkpoints" / checkpoint_name(step)
    if not path.is_dir():
        raise InputError(f"run {run} has no checkpoint of step {step} ({path} is missing)")
    return path


def load_folder(
    path: Path, device: torch.device, attention: str = "auto"
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model and tokenizer of a Hugging Face folder."""
    if not (path / "config.json").is_file():
        raise InputError(f"{path} is no Hugging Face model folder: it has no config.json")
    return _load(str(path), device, attention)


def _load(
    name: str, device: torch.device, attention: str, revision: str = "main"
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    transformers.utils.logging.disable_progress_bar()  # the log is read by people
    try:
        _refuse_classifier(name, AutoConfig.from_pretrained(name, revision=revision))
        model = AutoModelForCausalLM.from_pretrained(
            name,
            revision=revision,
            dtype=torch.float32,  # whatever it was saved in
            attn_implementation=None if attention == "auto" else attention,
        )
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise InputError(f"cannot load the model {name}: {_first_sentence(error)}") from error
    for parameter in model.parameters():
        # Weights read from a file may lie at any address; results must not depend on that, to the last bit.
        parameter.data = parameter.data.clone()
    return model.to(device), tokenizer


def _refuse_classifier(name: str, config: PretrainedConfig) -> None:
    """Loaded as a policy, a reward model would get a head of random weights, with no more than a warning."""
    kinds = config.architectures or []
    if any(kind.endswith("ForSequenceClassification") for kind in kinds):
        raise InputError(f"{name} is a reward model, which scores responses and writes none; name a policy's model")


def load_tokenizer(path: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a Hugging Face folder."""
    return AutoTokenizer.from_pretrained(str(path))


def _first_sentence(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
