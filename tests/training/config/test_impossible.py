"""Sets of knobs that cannot go together are refused with the nearest that can."""

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from training.config import GrpoMethod, RunConfig
from training.config.nearest import nearest_divisor, nearest_multiple
from training.config.problems import MOST_PROBLEMS
from training.problems.arithmetic import generate


def refused(**changes: Any) -> dict[str, Any]:
    with pytest.raises(ValidationError) as caught:
        RunConfig.model_validate(changes)
    (problem,) = caught.value.errors()
    return dict(problem)


def grpo(prompts: int, updates: int) -> dict[str, Any]:
    return {"kind": "grpo", "sampling": {"prompts_per_step": prompts}, "updates_per_step": updates}


@pytest.mark.parametrize("wanted", [1, 2, 3, 7, 12, 40])
@pytest.mark.parametrize("most", [5, 100])
def test_the_nearest_divisor_is_the_nearest_of_all(wanted: int, most: int) -> None:
    for number in range(1, 41):
        divisors = [d for d in range(1, most + 1) if number % d == 0]
        distance = min(abs(d - wanted) for d in divisors)
        assert nearest_divisor(number, wanted, most) == min(d for d in divisors if abs(d - wanted) == distance)


@pytest.mark.parametrize("of", [1, 2, 3, 7, 12, 40])
@pytest.mark.parametrize("most", [40, 100])
def test_the_nearest_multiple_is_the_nearest_of_all(of: int, most: int) -> None:
    for number in range(1, 41):
        multiples = range(of, most + 1, of)
        distance = min(abs(m - number) for m in multiples)
        assert nearest_multiple(number, of, most) == min(m for m in multiples if abs(m - number) == distance)


@pytest.mark.parametrize(("prompts", "updates"), [(32, 5), (30, 7), (1, 2), (100, 64), (2246, 1000), (65_536, 1000)])
def test_every_way_out_of_an_unequal_split_works(prompts: int, updates: int) -> None:
    problem = refused(method=grpo(prompts, updates))
    assert problem["loc"] == ("method", "grpo")
    fewer, more = problem["ctx"]["fixes"]
    RunConfig.model_validate({"method": grpo(prompts, fewer["updates_per_step"])})
    RunConfig.model_validate({"method": grpo(more["sampling.prompts_per_step"], updates)})


def test_it_says_what_would_work_in_words() -> None:
    message = refused(method=grpo(32, 5))["msg"]
    assert "32 prompts per step cannot be split into 5 equal updates" in message
    assert "4 updates, or 30 prompts per step" in message


def test_processes_that_cannot_share_a_batch_are_told_how_many_could() -> None:
    problem = refused(method=grpo(32, 4), hardware={"processes": 3})
    assert problem["loc"] == ()
    fewer, more = problem["ctx"]["fixes"]
    assert fewer == {"hardware.processes": 2}
    assert more == {"method.grpo.sampling.prompts_per_step": 36}
    RunConfig.model_validate({"method": grpo(32, 4), "hardware": {"processes": 2}})
    RunConfig.model_validate({"method": grpo(36, 4), "hardware": {"processes": 3}})


def test_it_offers_no_batch_beyond_the_largest() -> None:
    problem = refused(method=grpo(1024, 1024), hardware={"processes": 100})
    assert problem["ctx"]["fixes"] == [{"hardware.processes": 1}]
    assert problem["msg"].endswith("nearest that work: 1 process")


def test_it_names_the_batch_of_sft_too() -> None:
    problem = refused(method={"kind": "sft"}, hardware={"processes": 5})
    assert problem["ctx"]["fixes"] == [{"hardware.processes": 4}, {"method.sft.sequences_per_step": 30}]


def test_a_level_is_asked_for_no_more_problems_than_it_has() -> None:
    problem = refused(problems={"kind": "builtin", "level": "easy", "heldout_count": 9000})
    assert problem["loc"] == ("problems", "builtin")
    assert problem["ctx"]["fixes"] == [{"heldout_count": 4000}, {"level": "middle"}]
    RunConfig.model_validate({"problems": {"kind": "builtin", "level": "middle", "heldout_count": 9000}})


def test_the_most_a_level_is_said_to_have_can_really_be_generated() -> None:
    most = MOST_PROBLEMS["easy"]["heldout_count"]
    assert len(generate("easy", most, "heldout", seed=0)) == most


def test_a_warm_up_as_long_as_the_run_gets_a_tenth_of_it() -> None:
    problem = refused(steps=40, optimisation={"warmup_steps": 40})
    assert problem["ctx"]["fixes"] == [{"optimisation.warmup_steps": 4}]


def test_solutions_of_what_is_still_hard_need_the_hard_subset() -> None:
    cache: dict[str, Any] = {"kind": "deepsearch", "cache": {"fill": "phase"}}
    problem = refused(method=cache)
    assert problem["ctx"]["fixes"] == [{"hard_subset.enabled": True}, {"cache.fill": "rare"}]
    RunConfig.model_validate({"method": cache | {"hard_subset": {"enabled": True}}})
    RunConfig.model_validate({"method": cache | {"cache": {"fill": "phase", "enabled": False}}})


@pytest.mark.parametrize(("longest", "depth"), [(96, 7), (100, 64), (7, 4), (1, 8), (131_071, 4096), (6823, 3000)])
def test_every_way_out_of_unequal_steps_works(longest: int, depth: int) -> None:
    method: dict[str, Any] = {
        "kind": "deepsearch", "sampling": {"max_tokens": longest}, "search": {"max_depth": depth},
    }  # fmt: skip
    shallower, longer = refused(method=method)["ctx"]["fixes"]
    RunConfig.model_validate({"method": method | {"search": {"max_depth": shallower["search.max_depth"]}}})
    RunConfig.model_validate({"method": method | {"sampling": {"max_tokens": longer["sampling.max_tokens"]}}})
    RunConfig.model_validate({"method": method | {"search": {"max_depth": depth, "step": "separator"}}})


def test_an_overlong_buffer_as_long_as_the_limit_gets_a_fifth_of_it() -> None:
    problem = refused(method={"kind": "grpo", "reward": {"overlong_buffer": 96}})
    assert problem["ctx"]["fixes"] == [{"reward.overlong_buffer": 19}]


@pytest.mark.parametrize("kind", ["grpo", "evaluate"])
def test_tools_need_a_chat_to_speak_in(kind: str) -> None:
    method = {"kind": kind, "agentic": {"enabled": True}}
    problem = refused(method=method, prompt={"template": "plain"})
    assert problem["ctx"]["fixes"] == [{"prompt.template": "chat"}]
    RunConfig.model_validate({"method": method})
    assert refused(prompt={"template": "r1_zero", "tools": "schema"})["ctx"]["fixes"] == [{"prompt.template": "chat"}]


def test_a_search_at_test_time_calls_no_tools() -> None:
    method = {"kind": "evaluate", "search": {}, "agentic": {"enabled": True}}
    for fix in refused(method=method)["ctx"]["fixes"]:
        ((name, value),) = fix.items()
        RunConfig.model_validate({"method": method | ({"agentic": {}} if name == "agentic.enabled" else {name: value})})


def test_the_minimums_of_resampling_fit_into_a_group() -> None:
    roc = {"enabled": True, "rule": "released", "min_right": 5, "min_wrong": 6}
    method = {"kind": "grpo", "sampling": {"samples_per_prompt": 8}}
    problem = refused(method=method | {"roc": roc})
    fixes = [{"roc.min_right": 4, "roc.min_wrong": 4}, {"sampling.samples_per_prompt": 11}]
    assert problem["ctx"]["fixes"] == fixes
    assert len(refused(method=method | {"roc": roc | {"min_right": 1024}})["ctx"]["fixes"]) == 1
    RunConfig.model_validate({"method": method | {"roc": roc | {"rule": "paper"}}})


def test_a_selection_by_nothing_says_what_to_switch_on() -> None:
    problem = refused(method={"kind": "grpo", "roc": {"enabled": True, "error_ratio": False, "answer_format": False}})
    assert problem["ctx"]["fixes"] == [{"error_ratio": True}, {"answer_format": True}, {"enabled": False}]


def test_smoothing_wants_a_loss_that_takes_labels_for_wrong() -> None:
    problem = refused(method={"kind": "dpo", "smoothing": 0.1})
    assert "takes no label for wrong" in problem["msg"]
    assert problem["ctx"]["fixes"] == [{"smoothing": 0.0}, {"loss": "conservative"}]


def test_ranked_prompts_are_shared_equally_by_processes() -> None:
    problem = refused(method={"kind": "reward_model", "rankings_per_step": 6}, hardware={"processes": 4})
    assert "6 rankings per step cannot be shared equally by 4 processes" in problem["msg"]
    assert {"method.reward_model.rankings_per_step": 4} in problem["ctx"]["fixes"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": {"kind": "dpo"}, "selection": {"kind": "pass_rate"}}, "dpo trains on no problems"),
        ({"method": {"kind": "evaluate"}, "selection": {"kind": "not_cached"}}, "evaluate trains on no problems"),
        ({"method": {"kind": "ppo"}, "selection": {"kind": "rejection_sampling"}}, "ppo samples responses of its own"),
        ({"selection": {"kind": "pass_rate", "at_least": 0.5}}, "no share is at least 0.5 and at most 0.25"),
    ],
)
def test_selections_that_make_no_sense_are_refused_with_a_way_out(changes: dict[str, Any], said: str) -> None:
    problem = refused(**changes)
    assert said in problem["msg"]
    knob, value = next(iter(problem["ctx"]["fixes"][0].items()))
    *_, leaf = knob.split(".")
    RunConfig.model_validate(changes | {"selection": changes["selection"] | {leaf: value}})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": {"kind": "sft"}, "finish": {"reward_flat": True}}, "sft samples no responses"),
        ({"method": {"kind": "dpo"}, "finish": {"truncation": 0.1}}, "dpo samples no responses"),
        ({"method": {"kind": "reward_model"}, "finish": {"pass_at_1": 0.5}}, "reward_model measures no accuracy"),
        ({"evaluation": {"every_steps": 0}, "finish": {"pass_at_1": 0.5}}, "not measured without evaluations"),
        ({"finish": {"reward_flat": True, "least_steps": 20}}, "a window of 40 is not full"),
    ],
)
def test_signs_that_nobody_could_see_are_refused(changes: dict[str, Any], said: str) -> None:
    assert said in refused(**changes)["msg"]


def test_weights_are_shared_out_only_where_they_are_trained() -> None:
    hardware = {"processes": 2, "sharding": "fsdp2"}
    problem = refused(method={"kind": "evaluate"}, hardware=hardware)
    assert problem["ctx"]["fixes"] == [{"hardware.sharding": "none"}]
    problem = refused(hardware=hardware | {"compile": True})
    assert problem["ctx"]["fixes"] == [{"hardware.compile": False}, {"hardware.sharding": "none"}]
    problem = refused(adapter={"kind": "lora"}, hardware=hardware)
    assert problem["ctx"]["fixes"] == [{"hardware.sharding": "none"}, {"adapter.kind": "none"}]


@pytest.mark.parametrize("engine", ["vllm", "vllm_server"])
def test_vllm_samples_for_several_processes_whole_or_shared(engine: str) -> None:
    for sharding in ("none", "fsdp2"):
        hardware = {"processes": 2, "sharding": sharding, "engine": {"kind": engine}}
        assert RunConfig.model_validate({"hardware": hardware}).hardware.engine.kind == engine


def test_a_folder_for_weights_is_refused_where_they_go_over_the_network() -> None:
    engine = {"kind": "vllm_server", "transfer": "network", "exchange": "/shared"}
    problem = refused(hardware={"engine": engine})
    assert problem["loc"] == ("hardware", "engine", "vllm_server")
    for fix in problem["ctx"]["fixes"]:
        RunConfig.model_validate({"hardware": {"engine": engine | fix}})


KEEP = {"enabled": True, "surplus": "keep"}


@pytest.mark.parametrize(
    ("method", "more", "words", "fixes"),
    [
        ({"staleness": 3, "updates_per_step": 2}, {}, "2 updates of a step at a time", 2),
        ({"staleness": 1, "updates_per_step": 32}, {}, "32 updates", 2),
        ({"staleness": 1, "updates_per_step": 64, "sampling": {"prompts_per_step": 64}}, {}, "64 updates", 2),
        ({"dynamic_sampling": KEEP, "updates_per_step": 2}, {}, "2 updates old by then", 2),
        ({"staleness": 1, "dynamic_sampling": KEEP, "agentic": {"enabled": True}}, {}, "with tools", 1),
        ({"staleness": 1}, {"hardware": {"processes": 2, "sharding": "fsdp2"}}, "whole model of its own", 3),
        ({"staleness": 2, "dynamic_sampling": KEEP}, {"hardware": {"engine": {"kind": "vllm"}}}, "memory back", 3),
        (
            {"staleness": 1},
            {"hardware": {"sampling_device": "cpu", "engine": {"kind": "vllm_server"}}},
            "where it was started",
            1,
        ),
        ({}, {"hardware": {"sampling_device": "cpu"}}, "without staleness", 2),
        ({"staleness": 1, "dynamic_sampling": KEEP}, {"hardware": {"sampling_device": "cpu"}}, "without stale", 2),
        (
            {"staleness": 1, "reward": {"learned": {"model": {"kind": "local", "path": "/models/reward"}}}},
            {},
            "reward model",
            1,
        ),
    ],
)
def test_batches_that_cannot_be_that_old_are_refused_with_what_can(
    method: dict[str, Any], more: dict[str, Any], words: str, fixes: int
) -> None:
    problem = refused(method={"kind": "grpo"} | method, **more)
    assert words in problem["msg"]
    assert len(problem["ctx"]["fixes"]) == fixes
    for fix in problem["ctx"]["fixes"]:
        config: dict[str, Any] = copy.deepcopy({"method": {"kind": "grpo"} | method} | more)
        within = "method." if problem["loc"] else ""
        for knob, value in fix.items():
            *parents, name = (within + knob.replace("method.grpo.", "method.")).split(".")
            at = config
            for parent in parents:
                at = at.setdefault(parent, {})
            at[name] = value
        RunConfig.model_validate(config)


def test_staleness_is_counted_in_updates_and_kept_groups_take_a_step_of_it() -> None:
    def lag(**method: Any) -> int:
        config = RunConfig.model_validate({"method": {"kind": "grpo"} | method})
        assert isinstance(config.method, GrpoMethod)
        return config.method.lag

    assert [lag(), lag(staleness=1), lag(staleness=3)] == [0, 1, 3]
    assert [lag(staleness=4, updates_per_step=2), lag(staleness=4, updates_per_step=2, dynamic_sampling=KEEP)] == [2, 1]
    assert lag(staleness=1, dynamic_sampling=KEEP) == 0
