"""The plan counts what the trainer will do."""

import pytest

from training.config import RunConfig
from training.config.plan import in_words, plan_of


def config(**changes: object) -> RunConfig:
    return RunConfig.model_validate(changes)


def due(steps: int, every: int) -> int:
    """How often the trainer's own rule says so: at every multiple, and at the last step."""
    return sum(step == steps or (every > 0 and step % every == 0) for step in range(1, steps + 1))


def test_it_multiplies_prompts_and_samples_and_divides_by_updates() -> None:
    method = {
        "kind": "grpo",
        "sampling": {"prompts_per_step": 512, "samples_per_prompt": 16, "max_tokens": 100},
        "updates_per_step": 16,
    }
    plan = plan_of(config(method=method, hardware={"processes": 4}), prompt_tokens=20)
    assert plan.sequences == 8192
    assert plan.sequences_per_update == 512
    assert plan.prompts_per_process == 8
    assert plan.longest == 120
    assert plan.tokens_per_step == 8192 * 120


def test_ppo_learns_from_each_batch_several_times() -> None:
    method = {"kind": "ppo", "sampling": {"prompts_per_step": 64, "max_tokens": 50}, "epochs": 3, "updates_per_step": 4}
    given = config(method=method, steps=10)
    plan = plan_of(given, prompt_tokens=20)
    assert (plan.sequences, plan.sequences_per_update, plan.learning_epochs) == (64, 16, 3)
    assert plan.longest_sampled == 70, "single responses are sampled, too"
    words = in_words(given, plan)
    assert "3 epochs of 4 mini-batches: 12 updates of actor and critic each." in words[0]
    assert "120 updates" in words[1]


@pytest.mark.parametrize(("steps", "every"), [(100, 10), (7, 3), (5, 50), (1, 1), (12, 4)])
def test_it_counts_evaluations_and_checkpoints_as_the_trainer_does(steps: int, every: int) -> None:
    plan = plan_of(config(steps=steps, evaluation={"every_steps": every}, checkpoints={"every_steps": every}))
    assert plan.evaluations == due(steps, every) + 1  # and one before the first step
    assert plan.checkpoints_saved == due(steps, every)


def test_without_evaluation_or_checkpoints_the_last_step_is_still_saved() -> None:
    plan = plan_of(config(steps=9, evaluation={"every_steps": 0}, checkpoints={"every_steps": 0}))
    assert plan.evaluations == 0
    assert plan.checkpoints_saved == plan.checkpoints_kept == 1


def test_it_keeps_the_latest_and_the_best() -> None:
    every = {"every_steps": 10, "keep_last": 2, "keep_best": True}
    assert plan_of(config(steps=100, checkpoints=every)).checkpoints_kept == 3
    assert plan_of(config(steps=100, checkpoints=every | {"keep_best": False})).checkpoints_kept == 2


def test_an_evaluation_asks_each_problem_sampled_and_once_greedily() -> None:
    plan = plan_of(config(evaluation={"problems": 50, "samples": 4, "every_steps": 10, "max_tokens": 300}), 30)
    assert plan.answers == 250
    assert plan.longest_sampled == 330  # longer than what is trained on


def test_sft_samples_only_to_evaluate() -> None:
    method = {"kind": "sft", "max_length": 256}
    assert plan_of(config(method=method, evaluation={"every_steps": 0}), 30).longest_sampled == 0
    assert plan_of(config(method=method, evaluation={"every_steps": 5}), 30).longest_sampled == 286
    assert plan_of(config(method=method)).longest == 256


def test_it_spells_the_batch_out() -> None:
    on_policy, run, *_ = in_words(config(), plan_of(config()), train_count=4096)
    assert (
        on_policy == "32 prompts × 8 samples = 256 responses a step, 1 update: fully on-policy, so the clip never acts."
    )
    assert run == "100 steps: 3,200 prompts, 100 updates; 0.78 passes over the 4,096 training problems."


def test_it_spells_out_updates_refills_and_processes() -> None:
    method = {"kind": "grpo", "updates_per_step": 4, "dynamic_sampling": {"enabled": True, "max_rounds": 3}}
    several = config(method=method, hardware={"processes": 2})
    batch, refill, shared, *_ = in_words(several, plan_of(several))
    assert batch.endswith("split into 4 updates of 64 responses.")
    assert "up to 3 rounds: 256 to 768 responses" in refill
    assert shared == "2 processes share each update: 4 prompts each."


def test_it_counts_what_is_asked_for_at_once_and_sampled_ahead() -> None:
    dynamic = {"enabled": True, "max_rounds": 3, "over_generation": 1.5}
    found = config(method={"kind": "grpo", "updates_per_step": 4, "dynamic_sampling": dynamic, "staleness": 8})
    words = " ".join(in_words(found, plan_of(found)))
    assert "up to 3 rounds: 384 to 1,152 responses" in words
    assert "Batches are sampled 2 steps ahead" in words


def test_one_of_a_thing_is_not_many() -> None:
    single = config(steps=1, method={"kind": "sft", "sequences_per_step": 1}, optimisation={"warmup_steps": 0})
    assert "1 step: 1 solution, 1 update." in in_words(single, plan_of(single))


def test_it_says_that_tools_run_between_turns() -> None:
    method = {"kind": "grpo", "agentic": {"enabled": True, "max_turns": 4}, "sampling": {"max_tokens": 320}}
    config = RunConfig.model_validate({"method": method})
    said = in_words(config, plan_of(config))
    assert (
        "Each response has up to 4 turns, with 1 tool call at most between two of them; the longest response, "
        "320 tokens, includes what tools say."
    ) in said
    assert not any("tool" in sentence for sentence in in_words(RunConfig(), plan_of(RunConfig())))


def test_it_says_how_many_are_drawn_for_those_that_are_kept() -> None:
    oversampled = config(method={"kind": "grpo", "roc": {"enabled": True}})
    plan = plan_of(oversampled)
    assert (plan.sequences, plan.oversample) == (256, 2)
    assert "selected from 16 drawn for each prompt: 512 responses sampled" in in_words(oversampled, plan)[1]


def test_from_rankings_a_step_is_of_prompts_and_a_reward_model_answers_nothing() -> None:
    rewarded = config(
        steps=20, method={"kind": "reward_model", "rankings_per_step": 8}, optimisation={"warmup_steps": 0}
    )
    plan = plan_of(rewarded)
    assert (plan.prompts, plan.answers, plan.longest_sampled) == (8, 0, 0)
    words = in_words(rewarded, plan, train_count=80)
    assert words[0] == "8 ranked prompts a step with all pairs of their responses, 1 update."
    assert words[1] == "20 steps: 160 ranked prompts, 20 updates; 2.0 passes over the 80 ranked prompts."
    assert words[2].endswith("on held-out labels.")
    assert plan_of(config(method={"kind": "dpo"})).answers > 0


def test_a_selection_and_an_early_end_are_said_in_words() -> None:
    config = RunConfig.model_validate(
        {
            "selection": {"kind": "pass_rate", "samples": 4},
            "finish": {"reward_flat": True, "pass_at_1": 0.5, "needs": "any"},
        }
    )
    words = in_words(config, plan_of(config), 1000)
    assert words[0] == (
        "Before step 1 all problems are answered (1,000 problems × 4 = 4,000 responses); problems with 0% to 25% right "
        "stay."
    )
    assert (
        "Ends sooner when the reward has levelled off or held-out pass@1 has reached 50%, after step 50 at the "
        "earliest." in words
    )
    own = RunConfig.model_validate({"method": {"kind": "sft"}, "selection": {"kind": "rejection_sampling"}})
    assert "(8 each); up to 1 right response of each problem become its solutions" in in_words(own, plan_of(own))[0]


def test_an_adapter_is_told_of() -> None:
    lora = config(adapter={"kind": "lora", "rank": 8})
    assert "An adapter of rank 8 is trained beside the model; checkpoints hold both, merged." in in_words(
        lora, plan_of(lora)
    )
