"""Checks across knobs and against what is really there, before anything loads: what must and what should be mended."""

from collections.abc import Callable, Iterator
from pathlib import Path

from huggingface_hub.constants import HF_HUB_OFFLINE

from training.config import (
    CheckpointModel,
    HubModel,
    LocalModel,
    PreferenceMethod,
    RewardModelMethod,
    RlMethod,
    RunConfig,
    SftMethod,
)
from webapp.runs.config_forms import Fault, Fix
from webapp.runs.configure.expert_checks import SHOULD_OF_EXPERTS
from webapp.runs.configure.facts import Facts
from webapp.runs.configure.problem_checks import check_problems
from webapp.runs.configure.ranking_facts import advise_on_rankings, check_rankings
from webapp.runs.configure.reward_checks import MUST_OF_REWARDS, SHOULD_OF_REWARDS
from webapp.runs.configure.search_checks import MUST_OF_SEARCH, SHOULD_OF_SEARCH
from webapp.runs.configure.selection_checks import MUST_OF_SELECTION, SHOULD_OF_SELECTION
from webapp.runs.configure.tool_checks import SHOULD_OF_TOOLS
from webapp.runs.models import Checkpoint, Run

Check = Callable[[RunConfig, Facts], Iterator[Fault]]

GSPO_CLIP = 0.05
"""A sequence's ratio is a mean over its tokens, so it moves little: beyond this the clip never acts."""


def faults_of(config: RunConfig, facts: Facts) -> list[Fault]:
    """What keeps the run from starting."""
    return [fault for check in MUST for fault in check(config, facts)]


def advice_on(config: RunConfig, facts: Facts) -> list[Fault]:
    """What would run, but hardly as meant."""
    return [fault for check in SHOULD for fault in check(config, facts)]


def check_local_model(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    if not isinstance(config.model, LocalModel) or facts.folder is None:
        return
    folder, about = facts.folder, ("model.local.path",)
    if not folder.is_absolute():
        yield Fault("Give the whole path of the folder, from /.", about)
    elif not folder.is_dir():
        yield Fault(f"There is no folder {folder} on this machine.", about)
    elif not (folder / "config.json").is_file():
        yield Fault(f"{folder} has no config.json, so it is no Hugging Face model folder.", about)
    elif not any(folder.glob("*.safetensors")) and not any(folder.glob("*.bin")):
        yield Fault(f"{folder} has no weights: no .safetensors file is in it.", about)
    elif not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        yield Fault(f"{folder} has no tokenizer; save it there with the model.", about)


def check_hub_model(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    if isinstance(config.model, HubModel) and facts.folder is None and HF_HUB_OFFLINE:
        yield Fault(
            f"{config.model.name} ({config.model.revision}) was not downloaded before, and this machine is set to "
            "stay off the hub (HF_HUB_OFFLINE).",
            ("model.hub.name",),
        )


def check_checkpoint(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    if not isinstance(config.model, CheckpointModel):
        return
    kept = Checkpoint.objects.filter(run=config.model.run, removed_at=None).order_by("-step")
    steps = list(kept.values_list("step", flat=True)[:6])
    if not steps:
        yield Fault(f"Run {config.model.run} has no checkpoint (any more).", ("model.checkpoint.run",))
    elif facts.folder is None:
        fixes = tuple(Fix({"model.checkpoint.step": step}) for step in steps)
        message = f"Run {config.model.run} has no checkpoint of step {config.model.step} (any more)."
        yield Fault(message, ("model.checkpoint.step",), fixes)
    elif Run.objects.filter(pk=config.model.run, method=RewardModelMethod().kind).exists():
        yield Fault(
            f"Run {config.model.run} trained a reward model, which scores responses and writes none; "
            "start from a policy's checkpoint.",
            ("model.checkpoint.run",),
        )
    elif not facts.folder.is_dir():
        yield Fault(f"The files of this checkpoint are gone from {facts.folder}.", ("model.checkpoint.step",))


def check_shape(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    if facts.shape_error and facts.folder and facts.folder.is_dir() and (facts.folder / "config.json").is_file():
        about = {"local": "model.local.path", "hub": "model.hub.name"}.get(config.model.kind, "model.kind")
        yield Fault(facts.shape_error + ".", (about,))


def check_chat_template(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    if config.prompt.template != "chat" or not _is_model_folder(facts.folder):
        return
    settings_file = facts.folder / "tokenizer_config.json"  # type: ignore[operator]
    described = settings_file.is_file() and '"chat_template"' in settings_file.read_text(encoding="utf-8")
    if not described and not (facts.folder / "chat_template.jinja").is_file():  # type: ignore[operator]
        fixes = tuple(Fix({"prompt.template": template}) for template in ("r1_zero", "plain"))
        yield Fault("This model's tokenizer has no chat template.", ("prompt.template",), fixes)


def check_context(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    """Only what leaves room for no prompt at all; a trainer leaves out the problems that are too long."""
    context = facts.shape.context if facts.shape else None
    for knob, tokens, prompt in _lengths(config, facts.shortest_prompt_tokens):
        if context is not None and prompt + tokens > context:
            room = context - (facts.prompt_tokens if prompt else 0)
            beside = f" beside a prompt of {prompt:,}" if prompt else ""
            message = f"The model reads {context:,} tokens at most; {tokens:,}{beside} do not fit."
            yield Fault(message, (knob,), (Fix({knob: room}),) if room > 0 else ())


def advise_on_context(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    context = facts.shape.context if facts.shape else None
    for knob, tokens, prompt in _lengths(config, facts.prompt_tokens):
        if context is not None and prompt and facts.shortest_prompt_tokens + tokens <= context < prompt + tokens:
            room = context - prompt
            message = (
                f"The model reads {context:,} tokens at most, so problems with prompts of more than "
                f"{context - tokens:,} tokens are left out; the longest has {prompt:,}."
            )
            yield Fault(message, (knob,), (Fix({knob: room}),) if room > 0 else ())


def _lengths(config: RunConfig, prompt: int) -> Iterator[tuple[str, int, int]]:
    """Each knob that limits a length, its tokens, and those of the prompt that come on top."""
    method, asked = config.method, config.evaluation.max_tokens
    if isinstance(method, RlMethod):
        yield f"method.{config.method.kind}.sampling.max_tokens", method.sampling.max_tokens, prompt
    elif isinstance(method, SftMethod | PreferenceMethod):
        yield f"method.{method.kind}.max_length", method.max_length, 0
    if asked and config.evaluation.every_steps:
        yield "evaluation.max_tokens", asked, prompt


def check_evaluation(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    heldout, asked = facts.problems.heldout, config.evaluation.problems
    if not config.evaluation.every_steps or heldout is None or facts.problems.error:
        return
    if isinstance(config.method, RewardModelMethod):  # it is held to labels, and asks no problem
        return
    if heldout == 0:
        off = (Fix({"evaluation.every_steps": 0}),)
        yield Fault("This set has no held-out problems to evaluate on.", ("evaluation.every_steps",), off)
    elif asked > heldout:
        fixes = [Fix({"evaluation.problems": heldout})]
        if config.problems.kind == "builtin":
            fixes.append(Fix({"problems.builtin.heldout_count": asked}))
        message = f"The evaluation asks {asked:,} problems, but only {heldout:,} are held out."
        yield Fault(message, ("evaluation.problems",), tuple(fixes))


def advise_on_batch(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    if not isinstance(config.method, RlMethod):
        return
    prompts, train = config.method.sampling.prompts_per_step, facts.problems.train
    if train and prompts > train:
        knob = f"method.{config.method.kind}.sampling.prompts_per_step"
        message = f"A step takes {prompts:,} prompts, but the set has {train:,}: some come more than once in a step."
        yield Fault(message, (knob,), (Fix({knob: train}),))
    usual = type(config.method.loss)().dual_clip
    if config.method.updates_a_step == 1 and config.method.loss.dual_clip not in {None, usual}:
        yield Fault(
            "With one update a step the ratio is 1, so neither clip acts.",
            (f"method.{config.method.kind}.updates_per_step",),
        )


def advise_on_clip(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    if not isinstance(config.method, RlMethod) or config.method.loss.ratio == "token":
        return
    if config.method.updates_a_step > 1 and config.method.loss.clip_low > GSPO_CLIP:
        low, high = f"method.{config.method.kind}.loss.clip_low", f"method.{config.method.kind}.loss.clip_high"
        message = "A sequence's ratio is a mean over its tokens and moves little; GSPO clips at 0.0003 and 0.0004."
        yield Fault(message, (low,), (Fix({low: 3e-4, high: 4e-4}),))


def advise_on_learning_rate(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    rate = config.optimisation.learning_rate
    large = facts.shape is not None and facts.shape.parameters > LARGE_MODEL
    if large and isinstance(config.method, RlMethod) and rate > LARGE_MODEL_RATE:
        knob = "optimisation.learning_rate"
        message = f"{rate:g} is high for reinforcement learning on a model of this size; published runs use about 1e-6."
        yield Fault(message, (knob,), (Fix({knob: 1e-6}),))


LARGE_MODEL, LARGE_MODEL_RATE = 100_000_000, 1e-5
MUST: tuple[Check, ...] = (
    check_local_model,
    check_hub_model,
    check_checkpoint,
    check_shape,
    check_chat_template,
    check_problems,
    check_context,
    check_evaluation,
    check_rankings,
    *MUST_OF_SEARCH,
    *MUST_OF_REWARDS,
    *MUST_OF_SELECTION,
)
SHOULD: tuple[Check, ...] = (
    advise_on_context,
    advise_on_batch,
    advise_on_clip,
    advise_on_learning_rate,
    *SHOULD_OF_REWARDS,
    advise_on_rankings,
    *SHOULD_OF_SEARCH,
    *SHOULD_OF_SELECTION,
    *SHOULD_OF_TOOLS,
    *SHOULD_OF_EXPERTS,
)


def _is_model_folder(folder: Path | None) -> bool:
    return folder is not None and (folder / "config.json").is_file()
