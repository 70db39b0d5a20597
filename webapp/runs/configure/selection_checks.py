"""Checks of the model by whose answers a run selects its problems, before anything loads."""

from collections.abc import Iterator
from pathlib import Path

from training.config import CheckpointModel, Config, LocalModel, Measured, PassRate, RejectionSampling, RunConfig
from webapp.runs.config_forms import Fault, Fix
from webapp.runs.configure.facts import Facts, checkpoint_folder
from webapp.runs.models import Checkpoint, Run


def check_measuring_model(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    if not isinstance(config.selection, Measured):
        return
    knob = f"selection.{config.selection.kind}"
    yield from _faults_of(config.selection.measured_by, f"{knob}.measured_by")
    if isinstance(config.selection, RejectionSampling):
        yield from _faults_of(config.selection.judge, f"{knob}.judge")


def _faults_of(source: Config, knob: str) -> Iterator[Fault]:
    if isinstance(source, LocalModel) and not (Path(source.path) / "config.json").is_file():
        yield Fault(f"{source.path} is no Hugging Face model folder on this machine.", (f"{knob}.local.path",))
    elif isinstance(source, CheckpointModel):
        yield from _checkpoint_faults(source, f"{knob}.checkpoint")


def advise_on_pass_rate(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    """Problems that are never solved teach nothing to methods that compare responses, unless they are searched."""
    selection = config.selection
    if not isinstance(selection, PassRate) or config.method.kind not in {"grpo", "ppo"}:
        return
    if selection.at_most < 1 / selection.samples:
        knob = "selection.pass_rate.at_most"
        message = f"Only problems that none of {selection.samples} responses solves stay: there is little to reward."
        yield Fault(message, (knob,), (Fix({knob: 0.5}),))


def _checkpoint_faults(source: CheckpointModel, knob: str) -> Iterator[Fault]:
    if Run.objects.filter(pk=source.run, method="reward_model").exists():
        message = f"Run {source.run} trained a reward model, which answers no problems; name a policy's run."
        yield Fault(message, (f"{knob}.run",))
    elif checkpoint_folder(source.run, source.step) is None:
        kept = Checkpoint.objects.filter(run=source.run, removed_at=None).order_by("-step")
        fixes = tuple(Fix({f"{knob}.step": step}) for step in kept.values_list("step", flat=True)[:6])
        yield Fault(f"Run {source.run} has no checkpoint of step {source.step} (any more).", (f"{knob}.step",), fixes)


MUST_OF_SELECTION = (check_measuring_model,)
SHOULD_OF_SELECTION = (advise_on_pass_rate,)
