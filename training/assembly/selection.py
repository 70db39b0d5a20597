"""Chooses the training problems of a run by its selection: what is asked, by which model, and what comes of it."""

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from training.assembly.parts import Parts, turn_prefix
from training.assembly.sampling import answerable, sampled_experience, sampling_engine
from training.codec import Codec, stop_ids
from training.config import (
    AgenticConfig,
    AllProblems,
    Measured,
    NoJudge,
    NotCached,
    PromptConfig,
    RejectionSampling,
    RewardConfig,
    RlMethod,
    RunsModel,
    SamplingConfig,
    SftMethod,
    SrlMethod,
)
from training.errors import InputError
from training.events import ProblemsSelected, SelectedProblem
from training.policy import Policy
from training.problems.types import Problem
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import SamplingParams
from training.seeds import derive_seed
from training.selection.asking import AnswerFile, Answers, ask_all
from training.selection.judge import AnswerJudge
from training.selection.rules import KNOWN, Kept, by_answers
from training.solutions.file import SOLUTIONS_FILE, SolutionLine, read_new
from training.solutions.keys import problem_key
from training.sources import load_model
from training.stopping import StopSignal

SELECTION_FILE = "selection.jsonl"
"""What a model answered to each problem, in the run's folder."""

EXAMPLES = 4
"""Problems of each reason that the event shows."""

UNASKABLE = "no answer to check, or no room for a response"


def select_problems(parts: Parts, stop: StopSignal, told: bool) -> Parts:
    """The parts with the training problems that the config's selection leaves; says so in an event unless `told`.

    Raises InputError when none is left, and Stopped when the run is asked to stop meanwhile. Each process asks its
    share; all get the same problems.
    """
    selection, train = parts.config.selection, parts.problems.train
    if isinstance(selection, AllProblems):
        return parts
    began = time.perf_counter()
    if isinstance(selection, NotCached):
        kept, asked, answers = _not_cached(parts), train, list[Answers]()
    else:
        asked, answers = _measure(parts, selection, stop)
        kept = by_answers(selection, asked, answers)
    if not told:
        parts.recorder.emit(_event(parts, kept, asked, answers, time.perf_counter() - began))
    if not kept.problems:
        why = "; ".join(f"{count} {reason}" for reason, count in kept.dropped.items())
        raise InputError(
            f"the selection {selection.kind} leaves none of {len(train)} training problems ({why}); widen its bounds, "
            "sample more responses, or train on all problems"
        )
    return replace(parts, problems=parts.problems._replace(train=kept.problems))


def _not_cached(parts: Parts) -> Kept:
    """Problems of which the run's file of shared solutions holds none that is valid."""
    known: dict[str, set[str]] = {}
    for line in read_new(parts.folder / SOLUTIONS_FILE)[0] if parts.folder else ():
        of_problem = known.setdefault(line.problem, set())
        if isinstance(line, SolutionLine):
            of_problem.add(line.key)
        else:
            of_problem.discard(line.key)
    solved = parts.processes.gather({problem for problem, keys in known.items() if keys})[0]
    kept = Kept()
    for problem in parts.problems.train:
        kept.take(problem, KNOWN if problem_key(problem.prompt, problem.answer) in solved else "")
    return kept


def _measure(parts: Parts, selection: Measured, stop: StopSignal) -> tuple[list[Problem], list[Answers]]:
    """The problems that can be asked, and what the measuring model answers to each."""
    config, method = parts.config, parts.config.method
    sampling = method.sampling if isinstance(method, RlMethod) else SamplingConfig()
    agentic: AgenticConfig = getattr(method, "agentic", AgenticConfig())
    longest = selection.max_tokens or _longest(parts)
    if not isinstance(selection.measured_by, RunsModel):
        parts = _with_model(parts, selection)
    timeout = method.reward.verifier_timeout_s if isinstance(method, RlMethod) else RewardConfig().verifier_timeout_s
    with ExitStack() as stack:
        engine = sampling_engine(parts, sampling.max_rows, agentic)
        _, experience = sampled_experience(
            parts, engine, RewardConfig(verifier_timeout_s=timeout), longest, stack, agentic
        )
        judge = _judge(parts, selection)
        problems = answerable(parts, parts.problems.train, longest, judged=judge is not None)
        params = SamplingParams(
            n=selection.samples,
            max_tokens=longest,
            temperature=selection.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            stop_ids=experience.stop_ids,
            seed=derive_seed(config.seed, "selection"),
        )
        path = parts.folder / SELECTION_FILE if parts.folder else None
        file = AnswerFile(path, _name(parts, selection, problems), parts.processes)
        keep = isinstance(selection, RejectionSampling)
        answers = ask_all(problems, params, experience, parts.recorder, file, stop, parts.processes, keep, judge)
    return problems, answers


def _judge(parts: Parts, selection: Measured) -> AnswerJudge | None:
    """The model that decides where there is no answer; None where there is none, or no such problem."""
    if not isinstance(selection, RejectionSampling) or isinstance(selection.judge, NoJudge):
        return None
    if all(problem.answer.strip() for problem in parts.problems.train):
        return None
    config = parts.config.model_copy(update={"model": selection.judge})
    model, tokenizer = load_model(config, parts.policy.device)
    prompt = PromptConfig(template="chat" if tokenizer.chat_template else "plain")
    codec = Codec(tokenizer, prompt, stop_ids(model, tokenizer))
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    engine = TorchEngine(Policy(model, config.hardware.dtype).model)
    return AnswerJudge(engine, codec, parts.processes, selection.judge_tokens, context)


def _longest(parts: Parts) -> int:
    method = parts.config.method
    if isinstance(method, SrlMethod) and parts.config.evaluation.max_tokens:  # its responses are steps, not solutions
        return parts.config.evaluation.max_tokens
    if isinstance(method, RlMethod):
        return method.sampling.max_tokens
    if isinstance(method, SftMethod):
        return method.max_length
    raise TypeError(f"{method.kind} trains on no problems")


def _with_model(parts: Parts, selection: Measured) -> Parts:
    """The parts with the model that measures in place of the one that is trained."""
    source = parts.config.model_copy(update={"model": selection.measured_by})
    model, tokenizer = load_model(source, parts.policy.device)
    codec = Codec(tokenizer, parts.config.prompt, stop_ids(model, tokenizer), turn_prefix(parts.config))
    return replace(parts, codec=codec, policy=Policy(model, parts.config.hardware.dtype))


def _name(parts: Parts, selection: Measured, problems: Sequence[Problem]) -> str:
    """Tells apart what answers are answers to."""
    config = parts.config
    agentic = getattr(config.method, "agentic", None)
    told = [selection, config.model, config.prompt, agentic]
    of_config = [each.model_dump(mode="json") if each is not None else None for each in told]
    of_problems = [[problem.prompt, problem.answer] for problem in problems]
    text = json.dumps([of_config, config.seed, _longest(parts), of_problems], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _event(
    parts: Parts, kept: Kept, asked: Sequence[Problem], answers: Sequence[Answers], seconds: float
) -> ProblemsSelected:
    selection, train = parts.config.selection, parts.problems.train
    dropped = dict(kept.dropped)
    if len(asked) < len(train):
        dropped[UNASKABLE] = len(train) - len(asked)
    samples = selection.samples if isinstance(selection, Measured) else 0
    counts = [0] * (samples + 1) if answers else []
    for answer in answers:
        counts[answer.right] += 1
    return ProblemsSelected(
        step=0,
        rule=selection.kind,
        asked=len(train),
        kept=sum(not reason for reason in kept.reasons),
        dropped=dropped,
        samples=samples,
        solutions=len(kept.problems) if isinstance(selection, RejectionSampling) else 0,
        filtered=dict(kept.filtered),
        right=counts,
        tokens=sum(answer.tokens for answer in answers),
        seconds=seconds,
        examples=_examples(kept, asked, answers),
    )


def _examples(kept: Kept, asked: Sequence[Problem], answers: Sequence[Answers]) -> list[SelectedProblem]:
    """The first few problems that stay, then of each reason, with a response where there is one."""
    shown: dict[str, list[SelectedProblem]] = {"": []}
    solutions = {problem.id: problem.solution for problem in kept.problems}
    for place, (problem, reason) in enumerate(zip(asked, kept.reasons, strict=True)):
        of_reason = shown.setdefault(reason, [])
        if len(of_reason) < EXAMPLES:
            answer = answers[place] if answers else None
            new = solutions.get(problem.id) if answer and answer.found else None
            of_reason.append(
                SelectedProblem(
                    problem_id=problem.id,
                    prompt=problem.prompt,
                    answer=problem.answer,
                    reason=reason,
                    right=answer.right if answer else None,
                    response=new or (answer.sample if answer else ""),
                )
            )
    return [each for of_reason in shown.values() for each in of_reason]
