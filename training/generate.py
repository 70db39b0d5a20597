"""Models answer prompts for people to label: one line of JSON for each prompt and model, written when it is there.

A killed generation goes on where its file ends: what is drawn for a prompt depends on the seed, the model and the
prompt's place alone, so that the file is the one an undisturbed generation would have written.
"""

import gc
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from training.assembly.sampling import VERIFIER_WORKERS
from training.codec import Codec, stop_ids
from training.config import EvaluateMethod, RunConfig
from training.config.generate import GeneratingModel, GenerationConfig, GenerationSampling, TypedPrompts
from training.devices import choose_device
from training.errors import InputError
from training.rewards.verifier import Verifier
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import Completion, SamplingParams
from training.seeds import derive_seed
from training.sources import load_model, load_problems
from training.stream import ShuffledStream
from training.whole_lines import cut_unfinished_line

PROMPTS_AT_ONCE = 8
"""A batch is written when all of it is there."""
ROUNDS = 4
"""How often a model is asked for responses that it has not given yet."""
MOST_ROWS = 256

logger = logging.getLogger("training")
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked, and the reference answer where there is one."""

    text: str
    answer: str = ""
    problem_id: str = ""


def generate(config: GenerationConfig, folder: Path, out: Path) -> None:
    """Write what is missing of ``out``: a line that tells how many follow, then those. Raises InputError like a run.

    Lines are ordered by model, then prompt. Each has ``model``, ``prompt`` (their numbers), ``text``, ``answer``,
    ``problem_id``, ``fits`` and ``responses``, each of these ``text``, ``length`` in tokens, ``correct`` and ``ended``.
    """
    prompts = prompts_of(config, folder)
    written = _lines_of(out)
    with out.open("a", encoding="utf-8") as file, ExitStack() as stack:
        verifier = stack.enter_context(Verifier(workers=VERIFIER_WORKERS))

        def write(line: Line) -> None:
            file.write(json.dumps(line) + "\n")
            file.flush()

        if not written:
            write({"prompts": len(prompts), "models": len(config.models)})
        for number, model in enumerate(config.models):
            begin = max(len(written) - 1 - number * len(prompts), 0)
            if begin < len(prompts):
                _answer(config, number, model, prompts, begin, verifier, write)
                gc.collect()  # one model's weights at a time


def prompts_of(config: GenerationConfig, folder: Path) -> list[Prompt]:
    """The prompts in the order in which they are asked."""
    source = config.prompts
    if isinstance(source, TypedPrompts):
        return [Prompt(text) for text in source.texts]
    problems = load_problems(RunConfig(problems=source.problems, method=EvaluateMethod()), folder)
    half = getattr(problems, source.split)
    if not half:
        raise InputError(f"the problem set has no {source.split} problems; choose the other half")
    taken = ShuffledStream(half, config.sampling.seed).take(min(source.count, len(half)))
    return [Prompt(problem.prompt, problem.answer, problem.id) for problem in taken]


def _answer(
    config: GenerationConfig,
    number: int,
    model: GeneratingModel,
    prompts: Sequence[Prompt],
    begin: int,
    verifier: Verifier,
    write: Callable[[Line], None],
) -> None:
    """Have one model answer the prompts from ``begin`` on."""
    logger.info("model %s of %s: %s", number + 1, len(config.models), model.name or model.source.kind)
    asker = _Asker(config, number, model)
    if not any(map(asker.fits, prompts)):
        raise InputError(
            f"no prompt leaves room for {config.sampling.max_tokens} tokens in the context of "
            f"{model.name or 'the model'}; lower max_tokens"
        )
    # A batch that is there in part is asked as a whole again: on a GPU its last bits depend on who is in it.
    for start in range(begin - begin % PROMPTS_AT_ONCE, len(prompts), PROMPTS_AT_ONCE):
        places = range(start, min(start + PROMPTS_AT_ONCE, len(prompts)))
        fitting = [place for place in places if asker.fits(prompts[place])]
        answers = dict(zip(fitting, asker.ask([prompts[place] for place in fitting], fitting), strict=True))
        for place in range(max(start, begin), places.stop):
            prompt = prompts[place]
            write(
                {
                    "model": number,
                    "prompt": place,
                    "text": prompt.text,
                    "answer": prompt.answer,
                    "problem_id": prompt.problem_id,
                    "fits": place in answers,
                    "responses": [_judged(each, prompt.answer, verifier) for each in answers.get(place, ())],
                }
            )


class _Asker:
    """One model, with the way it is asked."""

    def __init__(self, config: GenerationConfig, number: int, model: GeneratingModel) -> None:
        self._sampling: GenerationSampling = config.sampling
        self._number = number
        run = RunConfig(model=model.source, prompt=model.prompt, method=EvaluateMethod())
        loaded, tokenizer = load_model(run, choose_device(config.hardware))
        self._context = _context_of(loaded)
        self._codec = Codec(tokenizer, model.prompt, stop_ids(loaded, tokenizer))
        self._engine = TorchEngine(loaded, max_rows=MOST_ROWS)

    def fits(self, prompt: Prompt) -> bool:
        """Whether prompt and longest response go into the model's context."""
        room = self._context - self._sampling.max_tokens if self._context else None
        return room is None or self._codec.prompt_fits(prompt.text, room)

    def ask(self, prompts: Sequence[Prompt], places: Sequence[int]) -> list[list[Line]]:
        """Different responses to each prompt, as many as wanted or fewer, in the order in which they were drawn."""
        found: list[dict[str, Line]] = [{} for _ in prompts]
        ids = [self._codec.prompt_ids(prompt.text) for prompt in prompts]
        wanted = self._sampling.samples
        for attempt in range(ROUNDS):
            lacking = [at for at in range(len(prompts)) if len(found[at]) < wanted]
            if not lacking:
                break
            params = [self._params(wanted - len(found[at]), places[at], attempt) for at in lacking]
            for at, completions in zip(lacking, self._engine.sample([ids[at] for at in lacking], params), strict=True):
                for completion in completions:
                    self._keep(completion, found[at])
        return [list(of_prompt.values()) for of_prompt in found]

    def _params(self, count: int, place: int, attempt: int) -> SamplingParams:
        return SamplingParams(
            n=count,
            max_tokens=self._sampling.max_tokens,
            temperature=self._sampling.temperature,
            top_p=self._sampling.top_p,
            stop_ids=self._codec.stop_ids,
            seed=derive_seed(self._sampling.seed, "generate", self._number, attempt),
            stream=place,
        )

    def _keep(self, completion: Completion, found: dict[str, Line]) -> None:
        text = self._codec.text(completion.token_ids)
        if text.strip():  # nobody can judge nothing
            ended = completion.finish_reason == "stop"
            found.setdefault(text.strip(), {"text": text, "length": len(completion.token_ids), "ended": ended})


def _judged(response: Line, answer: str, verifier: Verifier) -> Line:
    """The response with the verifier's word; None where there is no answer to hold it to."""
    correct = verifier.start((response["text"], answer)).result().correct if answer.strip() else None
    return response | {"correct": correct}


def _context_of(model: PreTrainedModel) -> int | None:
    return getattr(model.config.get_text_config(), "max_position_embeddings", None)


def _lines_of(out: Path) -> list[Line]:
    """What stands in the file already, a torn last line cut off."""
    if not out.exists():
        return []
    with out.open("ab") as file:
        cut_unfinished_line(out, file)
    with out.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
