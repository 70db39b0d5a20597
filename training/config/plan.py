"""What a run will do, counted from its config before anything starts: prompts × samples → sequences → updates.

The words are for people, the numbers for forms and estimates. Counts are exact; tokens are upper bounds, since most
responses end before their limit.
"""

from dataclasses import dataclass

from training.config.evaluate import EvaluateMethod
from training.config.methods import GrpoMethod
from training.config.parts_plan import (
    adapter_in_words,
    expert_in_words,
    finish_in_words,
    learned_in_words,
    selection_in_words,
    tools_in_words,
)
from training.config.ppo import PpoMethod
from training.config.preferences import PreferenceMethod, RewardModelMethod
from training.config.rl import RlMethod
from training.config.run import RunConfig
from training.config.search_plan import SearchPlan, counted, search_in_words, search_plan, subset_in_words
from training.config.srl import SrlMethod


@dataclass(frozen=True, slots=True)
class Plan:
    """One step and the whole run, in numbers."""

    prompts: int
    """Different problems (or, for SFT, solutions; from rankings, ranked prompts) a step."""
    samples: int
    """Responses to each; 1 for SFT."""
    updates: int
    """Optimizer updates a step, of each time its batch is learned from."""
    longest: int
    """Tokens of the longest sequence that is trained on, prompt included."""
    longest_sampled: int
    """Tokens of the longest sequence that is sampled, to train on or to evaluate, prompt included; 0 for none."""
    rounds: int
    """Times a step may sample; more than 1 with dynamic sampling."""
    processes: int
    steps: int
    evaluations: int
    """Held-out evaluations, the one before the first step included."""
    answers: int
    """Answers of one evaluation, the greedy ones included."""
    checkpoints_saved: int
    checkpoints_kept: int
    """Most checkpoints on disk at the same time, pinned ones not counted."""
    search: SearchPlan | None = None
    """Of methods that search."""
    over_generation: float = 1.0
    """Groups asked for at once, as a multiple of those missing."""
    oversample: int = 1
    """Responses drawn for each one that is trained on; more than 1 with resample-on-correct."""
    learning_epochs: int = 1
    """Times each response is learned from; more than 1 with PPO."""

    @property
    def sequences(self) -> int:
        """Sequences trained on in one step."""
        return self.prompts * self.samples

    @property
    def sequences_per_update(self) -> int:
        return self.sequences // self.updates

    @property
    def prompts_per_process(self) -> int:
        """Prompts of one update that each process computes."""
        return self.prompts // self.updates // self.processes

    @property
    def tokens_per_step(self) -> int:
        """Most tokens that one step trains on."""
        return self.sequences * self.longest

    def epochs(self, train_count: int) -> float:
        """Passes over a training set of that many problems, without counting refills of dynamic sampling."""
        return self.steps * self.prompts / train_count


def plan_of(config: RunConfig, prompt_tokens: int = 0) -> Plan:
    """The plan of a valid config, for prompts of at most ``prompt_tokens`` tokens."""
    method, evaluation, checkpoints = config.method, config.evaluation, config.checkpoints
    if isinstance(method, EvaluateMethod):
        return _plan_of_evaluation(config, method, prompt_tokens)
    if isinstance(method, RlMethod):
        prompts, samples = method.sampling.prompts_per_step, method.sampling.samples_per_prompt
        updates = method.updates_per_step
        epochs = method.epochs if isinstance(method, PpoMethod) else 1
        rounds = 1
        if isinstance(method, GrpoMethod | SrlMethod) and method.dynamic_sampling.enabled:
            rounds = method.dynamic_sampling.max_rounds
        response = method.sampling.max_tokens
        # Beside a step stands what the expert has done before it: as long, about, as what evaluations leave room for.
        given = (evaluation.max_tokens or 0) if predicts_steps(config) else 0
        longest = prompt_tokens + max(response, given)
    else:
        taken = method.rankings_per_step if isinstance(method, PreferenceMethod) else method.sequences_per_step
        prompts, samples, updates, rounds, epochs = taken, 1, 1, 1, 1
        longest = response = method.max_length
    samples_answers = bool(evaluation.every_steps) and not isinstance(method, RewardModelMethod)
    asked = (evaluation.max_tokens or response) if samples_answers else 0
    sampled = max(asked, response) if isinstance(method, RlMethod) else asked
    saved = max(_times(config.steps, checkpoints.every_steps), 1)
    return Plan(
        prompts=prompts,
        samples=samples,
        updates=updates,
        longest=longest,
        longest_sampled=prompt_tokens + sampled if sampled else 0,
        rounds=rounds,
        processes=config.hardware.processes,
        steps=config.steps,
        evaluations=_times(config.steps, evaluation.every_steps) + 1 if evaluation.every_steps else 0,
        answers=evaluation.problems * (evaluation.samples + 1) if samples_answers else 0,
        checkpoints_saved=saved,
        checkpoints_kept=min(saved, checkpoints.keep_last + checkpoints.keep_best),
        search=search_plan(config),
        learning_epochs=epochs,
        oversample=method.roc.oversample if isinstance(method, GrpoMethod) and method.roc.enabled else 1,
        over_generation=method.dynamic_sampling.asked_at_once if isinstance(method, GrpoMethod) else 1.0,
    )


def _plan_of_evaluation(config: RunConfig, method: EvaluateMethod, prompt_tokens: int) -> Plan:
    """Nothing is trained: no updates, no sequences to train on, no checkpoints."""
    return Plan(
        prompts=method.prompts_per_batch,
        samples=method.samples,
        updates=1,
        longest=0,
        longest_sampled=prompt_tokens + method.max_tokens,
        rounds=1,
        processes=config.hardware.processes,
        steps=-(-method.problems // method.prompts_per_batch),
        evaluations=1,
        answers=method.problems * method.answers,
        checkpoints_saved=0,
        checkpoints_kept=0,
    )


def in_words(config: RunConfig, plan: Plan, train_count: int | None = None) -> list[str]:
    """The plan as sentences, one thought each."""
    if isinstance(config.method, EvaluateMethod):
        return _evaluation(config.method)
    words = [*selection_in_words(config, train_count), _step(config, plan)]
    if plan.search:
        words += search_in_words(config, plan.search, train_count)
    if isinstance(config.method, GrpoMethod):
        words += subset_in_words(config.method.hard_subset, config.steps, train_count)
    words += expert_in_words(config)
    words += learned_in_words(config)
    words += tools_in_words(config)
    words += adapter_in_words(config)
    sampled = plan.sequences * plan.oversample
    if plan.oversample > 1:
        words.append(
            f"They are selected from {plan.samples * plan.oversample:,} drawn for each prompt: {sampled:,} responses "
            "sampled. Groups of equal rewards are left out."
        )
    if plan.rounds > 1:
        alike = "nearly equal" if isinstance(config.method, SrlMethod) else "equal"
        words.append(
            f"Groups of {alike} rewards are replaced by sampling again, up to {plan.rounds} rounds: "
            f"{round(plan.over_generation * sampled):,} to {round(plan.over_generation * plan.rounds * sampled):,} "
            "responses sampled."
        )
    if isinstance(config.method, GrpoMethod) and config.method.lag:
        lag = config.method.lag
        words.append(f"Batches are sampled {lag} step{'s' * (lag > 1)} ahead, while others are learned from.")
    if plan.processes > 1:
        words.append(
            f"{plan.processes} processes share each update: {counted(plan.prompts_per_process, _unit(config))} each."
        )
    words += [_run(config, plan, train_count), *finish_in_words(config)]
    if plan.evaluations and not plan.answers:
        words.append(f"Evaluated {counted(plan.evaluations, 'time')}, first before step 1, on held-out labels.")
    elif plan.evaluations:
        times, problems, samples = plan.evaluations, config.evaluation.problems, config.evaluation.samples
        words.append(
            f"Evaluated {counted(times, 'time')}, first before step 1: {counted(problems, 'held-out problem')} × "
            f"({samples} sampled + 1 greedy) = {plan.answers:,} answers each."
        )
    return words


def _evaluation(method: EvaluateMethod) -> list[str]:
    asked = counted(method.problems, "problem") if method.problems else "Every problem"
    how = "trajectories of a search" if method.search else f"samples at temperature {method.temperature:g}"
    greedy = " and a greedy answer" if method.greedy else ""
    return [
        f"{asked}, {method.samples:,} {how}{greedy} each, {method.prompts_per_batch:,} problems at a time.",
        "Nothing is trained.",
    ]


def _step(config: RunConfig, plan: Plan) -> str:
    if isinstance(config.method, PreferenceMethod):
        return f"{plan.prompts:,} ranked prompts a step with all pairs of their responses, 1 update."
    if not isinstance(config.method, RlMethod):
        return f"{plan.prompts:,} worked solutions a step, 1 update."
    factors = f"{counted(plan.prompts, 'prompt')} × {counted(plan.samples, 'sample')}"
    if plan.search:
        factors = f"{plan.prompts:,} trees × {plan.samples:,} trajectories"
    batch = f"{factors} = {plan.sequences:,} responses a step"
    if isinstance(config.method, PpoMethod):
        each = f"{plan.updates:,} mini-batch" + "es" * (plan.updates > 1)
        learned = f"learned from in {counted(plan.learning_epochs, 'epoch')} of {each}"
        return f"{batch}, {learned}: {counted(plan.updates * plan.learning_epochs, 'update')} of actor and critic each."
    if plan.updates == 1:
        return f"{batch}, 1 update: fully on-policy, so the clip never acts."
    return f"{batch}, split into {plan.updates:,} updates of {plan.sequences_per_update:,} responses."


def _run(config: RunConfig, plan: Plan, train_count: int | None) -> str:
    total = plan.steps * plan.prompts
    updates = counted(plan.steps * plan.updates * plan.learning_epochs, "update")
    words = f"{counted(plan.steps, 'step')}: {counted(total, _unit(config))}, {updates}"
    if train_count and not predicts_steps(config):
        epochs = plan.epochs(train_count)
        shown = f"{epochs:.1f}" if epochs >= 0.95 else f"{epochs:.2g}"
        of = "ranked prompts" if isinstance(config.method, PreferenceMethod) else "training problems"
        words += f"; {shown} passes over the {train_count:,} {of}"
    return words + "."


def predicts_steps(config: RunConfig) -> bool:
    """Whether a prompt is a step of a solution, so that there are more of them than problems."""
    return isinstance(config.method, SrlMethod) and config.method.granularity == "step"


def _unit(config: RunConfig) -> str:
    if isinstance(config.method, PreferenceMethod):
        return "ranked prompt"
    return "prompt" if isinstance(config.method, RlMethod) else "solution"


def _times(steps: int, every: int) -> int:
    """How often something happens that is due every so many steps, and at the last one; 0 for never."""
    return -(-steps // every) if every else 0
