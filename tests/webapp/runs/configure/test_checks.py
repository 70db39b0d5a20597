"""What the form finds out before anything loads, each fault with a fix that works."""

import json
import shutil
from pathlib import Path
from typing import Any, Literal

import pytest
from django.utils import timezone
from huggingface_hub import constants

from training.builtin import MODEL_DIR
from training.config import PromptConfig, RunConfig
from webapp.datasets.models import Problem, ProblemSet
from webapp.runs.config_forms import Fault
from webapp.runs.configure import checks
from webapp.runs.configure.checks import advice_on, faults_of
from webapp.runs.configure.facts import facts_of, parameters_in_name, prompt_tokens
from webapp.runs.configure.forms import as_posted, checked_form
from webapp.runs.knobs import values_of
from webapp.runs.models import Checkpoint, Run

pytestmark = pytest.mark.django_db
SETTINGS = {"name": "a run", "method": "grpo", "problems": "x", "config": {}}


def config(**changes: Any) -> RunConfig:
    return RunConfig.model_validate(changes)


def faults(**changes: Any) -> list[Fault]:
    given = config(**changes)
    return faults_of(given, facts_of(given))


def advice(**changes: Any) -> list[Fault]:
    given = config(**changes)
    return advice_on(given, facts_of(given))


def only(found: list[Fault]) -> Fault:
    (fault,) = found
    return fault


def mended(fault: Fault, number: int = 0, **changes: Any) -> list[Fault]:
    """The faults that are left when one of a fault's fixes is taken in the form."""
    data = as_posted(values_of(config(**changes)))
    for name, value in fault.fixes[number].values.items():
        data[name] = str(value)
    form, _ = checked_form(data)
    assert form.config is not None, form.errors.as_json()
    return form.faults


def local(path: Path | str) -> dict[str, Any]:
    return {"kind": "local", "path": str(path)}


def grpo(**sampling: Any) -> dict[str, Any]:
    return {"kind": "grpo", "sampling": sampling}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODEL_DIR, tmp_path / "model"))


@pytest.fixture
def problem_set() -> ProblemSet:
    made = ProblemSet.objects.create(
        slug="gsm", name="GSM", source="gsm.jsonl", train_count=3, heldout_count=2, content_hash="1"
    )
    for number in range(5):
        split = "train" if number < 3 else "heldout"
        Problem.objects.create(
            problem_set=made, number=number, split=split, prompt="How many? " * (number + 1), answer="1"
        )
    return made


def imported(slug: str = "gsm") -> dict[str, Any]:
    return {"kind": "imported", "slug": slug}


def test_the_defaults_have_no_fault_and_need_no_advice() -> None:
    assert faults() == advice() == []


def test_a_whole_model_folder_is_fine(model: Path) -> None:
    assert faults(model=local(model)) == []


@pytest.mark.parametrize(
    ("missing", "words"),
    [("config.json", "no config.json"), ("model.safetensors", "no weights"), ("tokenizer.json", "no tokenizer")],
)
def test_it_names_what_a_model_folder_lacks(model: Path, missing: str, words: str) -> None:
    (model / missing).unlink()
    fault = only(faults(model=local(model)))
    assert words in fault.message
    assert fault.about == ("model.local.path",)


@pytest.mark.parametrize(("path", "words"), [("models/mine", "whole path"), ("/nowhere/at/all", "no folder")])
def test_a_model_folder_must_be_there(path: str, words: str) -> None:
    assert words in only(faults(model=local(path))).message


def test_a_model_whose_config_makes_no_sense_is_named(model: Path) -> None:
    (model / "config.json").write_text('{"hidden_size": "big"}')
    assert "does not describe a transformer" in only(faults(model=local(model))).message


def test_a_tokenizer_without_chat_template_leaves_two_ways(model: Path) -> None:
    (model / "chat_template.jinja").unlink()
    fault = only(faults(model=local(model)))
    assert fault.about == ("prompt.template",)
    for number in (0, 1):
        assert mended(fault, number, model=local(model)) == []


def test_a_chat_template_in_the_tokenizers_settings_counts(model: Path) -> None:
    template = (model / "chat_template.jinja").read_text()
    (model / "chat_template.jinja").unlink()
    described = json.loads((model / "tokenizer_config.json").read_text()) | {"chat_template": template}
    (model / "tokenizer_config.json").write_text(json.dumps(described))
    assert faults(model=local(model)) == []


def test_a_hub_model_must_be_here_when_the_hub_is_out_of_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = {"kind": "hub", "name": "nobody/nothing-0.5B"}
    monkeypatch.setattr(checks, "HF_HUB_OFFLINE", True)
    assert "was not downloaded before" in only(faults(model=hub)).message
    monkeypatch.setattr(checks, "HF_HUB_OFFLINE", False)
    assert faults(model=hub) == []


def test_a_hub_model_in_the_cache_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    snapshot = tmp_path / "models--our--tiny" / "snapshots" / "abc"
    shutil.copytree(MODEL_DIR, snapshot)
    (tmp_path / "models--our--tiny" / "refs").mkdir()
    (tmp_path / "models--our--tiny" / "refs" / "main").write_text("abc")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    facts = facts_of(config(model={"kind": "hub", "name": "our/tiny"}))
    assert facts.folder == snapshot
    assert facts.shape is not None
    assert facts.shape.parameters == 1_313_440


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("Qwen/Qwen3-0.6B", 6 * 10**8), ("meta-llama/Llama-3.2-1B-Instruct", 10**9), ("x/SmolLM2-135M", 135 * 10**6),
     ("org7B/model", None), ("gpt2", None), ("x/y-4bit", None)],
)  # fmt: skip
def test_a_name_may_tell_the_size(name: str, parameters: int | None) -> None:
    assert parameters_in_name(name) == parameters


def test_a_checkpoint_that_was_removed_offers_those_that_were_not() -> None:
    run = Run.objects.create(**SETTINGS)
    for step, gone in ((10, timezone.now()), (20, None), (30, None)):
        saved = Checkpoint.objects.create(
            run=run, step=step, path=f"checkpoints/step_{step:06d}", size=1, saved_at=timezone.now(), removed_at=gone
        )
        shutil.copytree(MODEL_DIR, saved.folder, dirs_exist_ok=True)
    model = {"kind": "checkpoint", "run": run.pk, "step": 10}
    fault = only(faults(model=model))
    assert [fix.values["model.checkpoint.step"] for fix in fault.fixes] == [30, 20]
    assert mended(fault, model=model) == []
    shutil.rmtree(run.folder)
    assert "files of this checkpoint are gone" in only(faults(model=model | {"step": 20})).message


def test_a_run_without_checkpoints_cannot_be_started_from() -> None:
    run = Run.objects.create(**SETTINGS)
    fault = only(faults(model={"kind": "checkpoint", "run": run.pk, "step": 10}))
    assert fault.about == ("model.checkpoint.run",)


def test_an_imported_set_that_is_not_there_offers_those_that_are(problem_set: ProblemSet) -> None:
    evaluation = {"problems": 2}
    fault = only(faults(problems=imported("gone"), evaluation=evaluation))
    assert "no imported set 'gone'" in fault.message
    assert mended(fault, problems=imported("gone"), evaluation=evaluation) == []


def test_sft_needs_solutions(problem_set: ProblemSet) -> None:
    changes: dict[str, Any] = {"problems": imported(), "method": {"kind": "sft"}, "evaluation": {"problems": 2}}
    fault = only(faults(**changes))
    assert "no worked solutions" in fault.message
    assert mended(fault, **changes) == []


@pytest.mark.parametrize("granularity", ["step", "solution", "answer"])
def test_srl_needs_solutions_unless_answers_are_paid_for(problem_set: ProblemSet, granularity: str) -> None:
    method = {"kind": "srl", "granularity": granularity}
    changes: dict[str, Any] = {"problems": imported(), "method": method, "evaluation": {"problems": 2}}
    if granularity == "answer":
        assert faults(**changes) == []
        return
    fault = only(faults(**changes))
    assert "no worked solutions, and SRL learns from nothing else" in fault.message
    assert mended(fault, **changes) == []


def test_whole_solutions_need_more_room_than_steps() -> None:
    short: dict[str, Any] = {"method": {"kind": "srl", "sampling": {"max_tokens": 32}}}
    fault = only(advice(**short))
    assert "32 tokens, enough for a step, cut them" in fault.message
    assert fault.fixes[0].values == {"evaluation.max_tokens": 128}
    assert advice(**short, evaluation={"max_tokens": 128}) == []


def test_rewards_by_answer_need_answers(problem_set: ProblemSet) -> None:
    ProblemSet.objects.update(report={"unanswered": 5}, solution_count=5)
    changes: dict[str, Any] = {"problems": imported(), "evaluation": {"problems": 2}}
    fault = only(faults(**changes))
    assert "No problem of this set has an answer" in fault.message
    assert [fix.values for fix in fault.fixes] == [{"method.kind": "srl"}, {"method.kind": "sft"}]
    assert mended(fault, 0, **changes) == mended(fault, 1, **changes) == []
    ProblemSet.objects.update(report={"unanswered": 4})
    assert faults(**changes) == []


def test_an_evaluation_asks_no_more_than_are_held_out(problem_set: ProblemSet) -> None:
    fault = only(faults(problems=imported()))
    assert "asks 64 problems, but only 2 are held out" in fault.message
    assert mended(fault, problems=imported()) == []


def test_built_in_problems_can_be_held_out_as_many_as_are_asked() -> None:
    changes: dict[str, Any] = {"problems": {"kind": "builtin", "heldout_count": 10}}
    fault = only(faults(**changes))
    assert [list(fix.values) for fix in fault.fixes] == [["evaluation.problems"], ["problems.builtin.heldout_count"]]
    assert mended(fault, 0, **changes) == mended(fault, 1, **changes) == []


def test_a_set_without_held_out_problems_is_not_evaluated_on(problem_set: ProblemSet) -> None:
    ProblemSet.objects.update(heldout_count=0)
    fault = only(faults(problems=imported()))
    assert mended(fault, problems=imported()) == []
    assert faults(problems=imported(), evaluation={"every_steps": 0}) == []


def test_a_problem_file_is_read_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl"
    lines = [
        {"prompt": "1+1=?", "answer": "2", "split": "train"},
        {"prompt": "2+2=?", "answer": "4", "split": "heldout"},
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    problems = {"kind": "file", "path": str(path)}
    facts = facts_of(config(problems=problems))
    assert (facts.problems.train, facts.problems.heldout, facts.problems.solutions) == (1, 1, 0)
    assert faults(problems=problems, evaluation={"problems": 1}) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), ("{", "line 1"), ('{"prompt": "a", "split": "train"}\n[]', "line 2"),
     ('{"prompt": "a", "split": "heldout"}', "no training problems")],
)  # fmt: skip
def test_it_says_what_is_wrong_with_a_problem_file(tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "problems.jsonl"
    if content is not None:
        path.write_text(content)
    found = faults(problems={"kind": "file", "path": str(path)}, evaluation={"every_steps": 0})
    assert words in only(found).message


def test_a_relative_problem_file_cannot_be_meant() -> None:
    assert "whole path" in only(faults(problems={"kind": "file", "path": "problems.jsonl"})).message


def test_responses_longer_than_the_context_are_refused_with_what_fits() -> None:
    fault = only(faults(method=grpo(max_tokens=4000)))
    assert "The model reads 2,048 tokens at most" in fault.message
    assert mended(fault, method=grpo(max_tokens=4000)) == []
    assert fault.fixes[0].values["method.grpo.sampling.max_tokens"] + facts_of(config()).prompt_tokens == 2048


def test_responses_that_leave_room_for_some_prompts_only_are_advised_on() -> None:
    facts = facts_of(config())
    room = (facts.prompt_tokens + facts.shortest_prompt_tokens) // 2
    changes: dict[str, Any] = {"method": grpo(max_tokens=2048 - room)}
    assert faults(**changes) == []
    found = only(advice(**changes))
    assert f"more than {room} tokens are left out; the longest has {facts.prompt_tokens}" in found.message
    assert mended(found, **changes) == []


def test_sequences_of_sft_and_answers_of_evaluations_must_fit_too() -> None:
    assert only(faults(method={"kind": "sft", "max_length": 3000})).fixes[0].values == {"method.sft.max_length": 2048}
    assert only(faults(evaluation={"max_tokens": 3000})).about == ("evaluation.max_tokens",)
    assert faults(evaluation={"max_tokens": 3000, "every_steps": 0}) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": grpo(prompts_per_step=8192)}, "some come more than once in a step"),
        ({"method": {"kind": "grpo", "reward": {"accuracy": 0, "format": 1}}}, "Right answers are not paid for"),
        ({"method": {"kind": "grpo", "loss": {"ratio": "sequence"}, "updates_per_step": 4}}, "GSPO clips at 0.0003"),
    ],
)
def test_what_would_run_but_hardly_as_meant_is_advised_on(changes: dict[str, Any], words: str) -> None:
    assert faults(**changes) == []
    found = only(advice(**changes))
    assert words in found.message
    if found.fixes:
        data = as_posted(values_of(config(**changes)))
        for name, value in found.fixes[0].values.items():
            data[name] = str(value)
        form, facts = checked_form(data)
        assert facts is not None
        assert advice_on(form.config, facts) == []


def test_a_large_model_wants_a_small_rate(model: Path) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}}).encode()
    (model / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert "published runs use about 1e-6" in only(advice(model=local(model))).message
    assert advice(model=local(model), optimisation={"learning_rate": 1e-6}) == []


@pytest.mark.parametrize("tools", ["none", "template", "schema"])
def test_prompts_are_counted_by_the_models_own_tokenizer(tools: Literal["none", "template", "schema"]) -> None:
    pytest.importorskip("transformers", reason="the model's own tokenizer is the trainer's")
    from transformers import AutoTokenizer

    from training.codec import Codec

    tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR)
    problem, prompt = "Start with 12. Add 7. Multiply by 3.", PromptConfig(tools=tools)
    exact = len(Codec(tokenizer, prompt, [3]).prompt_ids(problem))
    assert exact <= prompt_tokens(MODEL_DIR, problem, prompt) <= exact + 24
