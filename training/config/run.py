"""The whole configuration of one run: what the form shows, the database stores and the trainer reads."""

from typing import Self

from pydantic import Field, model_validator

from training.config.adapter import Adapter, WholeModel
from training.config.base import Config, impossible
from training.config.evaluate import EvaluateMethod
from training.config.finish import FinishConfig
from training.config.hardware import MOST_PROCESSES, HardwareConfig
from training.config.keeping import CheckpointConfig, EvaluationConfig
from training.config.methods import DeepSearchMethod, GrpoMethod, Method, in_turn
from training.config.model import BuiltinModel, ModelSource, PromptConfig
from training.config.nearest import MOST_SEQUENCES, nearest_divisor, nearest_multiple
from training.config.optimisation import OptimisationConfig
from training.config.preferences import PreferenceMethod, RewardModelMethod
from training.config.problems import BuiltinProblems, ProblemSource
from training.config.rl import RlMethod
from training.config.selection import AllProblems, RejectionSampling, Selection
from training.config.srl import SrlMethod


class RunConfig(Config):
    """One run."""

    model: ModelSource = BuiltinModel()

    problems: ProblemSource = BuiltinProblems()

    selection: Selection = AllProblems()

    prompt: PromptConfig = PromptConfig()

    method: Method = GrpoMethod()

    steps: int = Field(default=100, ge=1, le=10_000_000)
    """Training steps. GRPO samples, scores and updates; DeepSearch searches first; the others make one
    update a step."""

    finish: FinishConfig = FinishConfig()

    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    """Fixes data order, sampling and initialisation."""

    adapter: Adapter = WholeModel()

    optimisation: OptimisationConfig = OptimisationConfig()

    evaluation: EvaluationConfig = EvaluationConfig()

    checkpoints: CheckpointConfig = CheckpointConfig()

    hardware: HardwareConfig = HardwareConfig()

    @property
    def samples_whole(self) -> bool:
        """Whether weights that processes share are together while it samples: for Espalier's own engine, and for
        methods that ask the model in the meantime. vLLM is given one after the other."""
        return self.hardware.engine.kind == "torch" or not isinstance(self.method, GrpoMethod | SrlMethod)

    @model_validator(mode="after")
    def _processes_share_the_batch(self) -> Self:
        processes, method = self.hardware.processes, self.method
        if isinstance(method, EvaluateMethod):
            return self  # whoever has nothing to ask waits
        if isinstance(method, RlMethod):
            updates = method.updates_per_step
            share, name = method.sampling.prompts_per_step // updates, "prompts per update"
            knob = f"method.{method.kind}.sampling.prompts_per_step"
        elif isinstance(method, PreferenceMethod):
            updates, share, name = 1, method.rankings_per_step, "rankings per step"
            knob = f"method.{method.kind}.rankings_per_step"
        else:
            updates, share, name = 1, method.sequences_per_step, "sequences per step"
            knob = "method.sft.sequences_per_step"
        if share % processes:
            fewer, room = nearest_divisor(share, processes, MOST_PROCESSES), MOST_SEQUENCES // updates
            fixes, words = [{"hardware.processes": fewer}], f"{fewer} process" + "es" * (fewer > 1)
            if processes <= room:
                more = nearest_multiple(share, processes, room)
                fixes.append({knob: more * updates})
                words += f", or {more} {name}"
            message = f"{share} {name} cannot be shared equally by {processes} processes; nearest that work: {words}"
            raise impossible(message, *fixes)
        return self

    @model_validator(mode="after")
    def _what_is_sharded_learns(self) -> Self:
        kind, whole = self.method.kind, {"hardware.sharding": "none"}
        if self.hardware.sharding == "none":
            return self
        if kind == "evaluate":
            raise impossible("an evaluation trains nothing, so there are no weights to share out", whole)
        if self.hardware.compile:
            raise impossible(
                "of shared weights only what learns would be compiled, and what is only asked would come out otherwise",
                {"hardware.compile": False},
                whole,
            )
        if self.adapter.kind != "none":
            raise impossible(
                "of a model beside an adapter next to nothing is trained, and what is frozen is not shared out",
                whole,
                {"adapter.kind": "none"},
            )
        return self

    @model_validator(mode="after")
    def _sampling_ahead_is_possible(self) -> Self:
        method, hardware = self.method, self.hardware
        if not (isinstance(method, GrpoMethod) and method.lag):
            return self
        alternating: dict[str, object] = {f"method.grpo.{knob}": value for knob, value in in_turn(method).items()}
        servers = {"hardware.engine.kind": "vllm_server"}
        if hardware.engine.kind == "vllm":
            raise impossible(
                "vLLM in the trainer's process gives its memory back while weights are learned, and samples nothing "
                "then; a vLLM server does",
                servers,
                {"hardware.engine.kind": "torch"},
                alternating,
            )
        if hardware.engine.kind == "torch" and hardware.sharding != "none":
            raise impossible(
                "what samples ahead beside the trainer has a whole model of its own in each process, which is what "
                "sharing the weights is to avoid; vLLM servers have it elsewhere",
                {"hardware.sharding": "none"},
                servers,
                alternating,
            )
        return self

    @model_validator(mode="after")
    def _sampling_device_has_a_use(self) -> Self:
        method, hardware = self.method, self.hardware
        ahead = isinstance(method, GrpoMethod) and method.lag > 0
        if hardware.sampling_device == "same":
            return self
        if hardware.engine.kind != "torch":
            raise impossible("vLLM samples where it was started", {"hardware.sampling_device": "same"})
        if not ahead:
            fixes: list[dict[str, object]] = [{"hardware.sampling_device": "same"}]
            if isinstance(method, GrpoMethod) and hardware.sharding == "none":
                least = method.updates_a_step * (1 + method.dynamic_sampling.keeps_surplus)
                fixes.append({"method.grpo.staleness": least})
            raise impossible("without staleness, sampling is where training is, and has no device of its own", *fixes)
        return self

    @model_validator(mode="after")
    def _selection_has_a_use(self) -> Self:
        kind, method = self.selection.kind, self.method.kind
        if kind == "all":
            return self
        if not isinstance(self.method, RlMethod) and method != "sft":
            raise impossible(f"{method} trains on no problems, so there are none to select", {"selection.kind": "all"})
        if isinstance(self.selection, RejectionSampling) and method != "sft":
            raise impossible(
                f"rejection sampling makes solutions to imitate, and {method} samples responses of its own",
                {"selection.kind": "pass_rate"},
                {"method.kind": "sft"},
            )
        if kind == "not_cached" and isinstance(self.method, DeepSearchMethod) and not self.method.cache.share:
            raise impossible(
                "which problems others have solved is not known to a run that shares no solutions",
                {"method.deepsearch.cache.share": True},
                {"selection.kind": "all"},
            )
        return self

    @model_validator(mode="after")
    def _adapters_are_trained(self) -> Self:
        if isinstance(self.method, EvaluateMethod) and self.adapter.kind != "none":
            raise impossible("an evaluation trains nothing, so an adapter has no use", {"adapter.kind": "none"})
        return self

    @model_validator(mode="after")
    def _finish_looks_at_what_is_measured(self) -> Self:
        finish, method = self.finish, self.method
        of_steps: dict[str, object] = {"finish.reward_flat": False} if finish.reward_flat else {}
        of_steps |= {"finish.truncation": None} if finish.truncation is not None else {}
        if of_steps and not isinstance(method, RlMethod):
            raise impossible(f"{method.kind} samples no responses whose reward or length could settle", of_steps)
        if finish.pass_at_1 is None:
            return self
        without = {"finish.pass_at_1": None}
        if isinstance(method, EvaluateMethod | RewardModelMethod):
            raise impossible(f"{method.kind} measures no accuracy while it goes on", without)
        if not self.evaluation.every_steps:
            raise impossible(
                "held-out accuracy is not measured without evaluations", {"evaluation.every_steps": 10}, without
            )
        return self

    @model_validator(mode="after")
    def _tools_need_a_chat(self) -> Self:
        agentic = getattr(self.method, "agentic", None)
        if self.prompt.template != "chat" and (self.prompt.tools != "none" or (agentic and agentic.enabled)):
            raise impossible(
                f"tools speak between the turns of a chat, and the prompt template {self.prompt.template} has no turns",
                {"prompt.template": "chat"},
            )
        return self

    @model_validator(mode="after")
    def _repositories_are_worked_on(self) -> Self:
        method, agentic = self.method, getattr(self.method, "agentic", None)
        answers = isinstance(method, RlMethod | EvaluateMethod) and getattr(method, "granularity", "answer") == "answer"
        if answers and self.prompt.toolset == "repository" and not (agentic and agentic.enabled):
            fixes = [{f"method.{method.kind}.agentic.enabled": True}] if agentic else []
            raise impossible(
                "a repository's tests judge what tool calls have made of it, and no calls are run here",
                *fixes,
                {"prompt.toolset": "python"},
            )
        return self

    @model_validator(mode="after")
    def _repositories_have_their_tools(self) -> Self:
        problems, toolset = self.problems, self.prompt.toolset
        if isinstance(problems, BuiltinProblems) and not isinstance(self.method, PreferenceMethod):
            if problems.level == "repositories" and toolset != "repository":
                fixes = [{"prompt.toolset": "repository"}, {"problems.builtin.level": "tools"}]
                raise impossible(
                    "the problems are repositories, which are read, edited and tested by tools of their own",
                    *(fixes if hasattr(self.method, "agentic") else reversed(fixes)),
                )
            if problems.level != "repositories" and toolset == "repository":
                raise impossible(
                    f"problems of the level {problems.level} have no repository for these tools to work on",
                    {"problems.builtin.level": "repositories"},
                    {"prompt.toolset": "python"},
                )
        return self

    @model_validator(mode="after")
    def _warmup_ends_before_the_run(self) -> Self:
        if self.optimisation.warmup_steps >= self.steps:
            raise impossible(
                f"the warm-up ({self.optimisation.warmup_steps} steps) must be shorter than the run "
                f"({self.steps} steps); a tenth of it is usual: {self.steps // 10}",
                {"optimisation.warmup_steps": self.steps // 10},
            )
        return self
