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

from training.asked_model import AskedModel, drawn, halves_of
from training.assembly.sampling import VERIFIER_WORKERS
from training.config.generate import GeneratingModel, GenerationConfig, GenerationSampling, TypedPrompts
from training.errors import InputError
from training.rewards.verifier import Verifier
from training.sampling.types import Completion, SamplingParams
from training.seeds import derive_seed
from training.whole_lines import json_lines

PROMPTS_AT_ONCE = 8
"""A batch is written when all of it is there."""
ROUNDS = 4
"""How often a model is asked for responses that it has not given yet."""

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
    written = json_lines(out)
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
    taken = drawn(halves_of(source.problems, folder), source.split, source.count, config.sampling.seed)
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
        self._model = AskedModel(model.source, model.prompt, config.hardware)

    def fits(self, prompt: Prompt) -> bool:
        """Whether prompt and longest response go into the model's context."""
        return self._model.fits(prompt.text, self._sampling.max_tokens)

    def ask(self, prompts: Sequence[Prompt], places: Sequence[int]) -> list[list[Line]]:
        """Different responses to each prompt, as many as wanted or fewer, in the order in which they were drawn."""
        found: list[dict[str, Line]] = [{} for _ in prompts]
        ids = [self._model.codec.prompt_ids(prompt.text) for prompt in prompts]
        wanted = self._sampling.samples
        for attempt in range(ROUNDS):
            lacking = [at for at in range(len(prompts)) if len(found[at]) < wanted]
            if not lacking:
                break
            params = [self._params(wanted - len(found[at]), places[at], attempt) for at in lacking]
            for at, completions in zip(
                lacking, self._model.engine.sample([ids[at] for at in lacking], params), strict=True
            ):
                for completion in completions:
                    self._keep(completion, found[at])
        return [list(of_prompt.values()) for of_prompt in found]

    def _params(self, count: int, place: int, attempt: int) -> SamplingParams:
        return SamplingParams(
            n=count,
            max_tokens=self._sampling.max_tokens,
            temperature=self._sampling.temperature,
            top_p=self._sampling.top_p,
            stop_ids=self._model.codec.stop_ids,
            seed=derive_seed(self._sampling.seed, "generate", self._number, attempt),
            stream=place,
        )

    def _keep(self, completion: Completion, found: dict[str, Line]) -> None:
        text = self._model.codec.text(completion.token_ids)
        if text.strip():  # nobody can judge nothing
            ended = completion.finish_reason == "stop"
            found.setdefault(text.strip(), {"text": text, "length": len(completion.token_ids), "ended": ended})


def _judged(response: Line, answer: str, verifier: Verifier) -> Line:
    """The response with the verifier's word; None where there is no answer to hold it to."""
    correct = verifier.start((response["text"], answer)).result().correct if answer.strip() else None
    return response | {"correct": correct}
