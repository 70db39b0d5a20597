"""Models answer in a conversation, and what they write can be read while they write it.

Responses are drawn a few tokens at a time, all of a model's side by side, and each time a line of JSON tells how far
each is. That costs one more prefill of a token or two for each such slice, since the engine keeps their states.
"""

import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.asked_model import AskedModel
from training.config.chat import ChatConfig
from training.config.generate import GeneratingModel
from training.errors import InputError
from training.rewards.verifier import Verifier
from training.sampling.types import Completion, SamplingParams
from training.seeds import derive_seed

SLICE = 16
"""Tokens between two lines."""
PREFIX_BYTES = 512 << 20
"""For the states of the responses under way."""

Line = dict[str, Any]


def chat(config: ChatConfig, out: Path) -> None:
    """Write lines to ``out``; raises InputError for a model that cannot be asked so.

    While a response grows its lines have ``model``, ``sample``, ``text`` (all of it so far) and ``length`` in tokens.
    The last also has ``finish_reason``, ``ids``, ``ends`` (where each token's text ends), ``logprobs``, ``entropies``,
    and, with a reference answer, ``correct``, ``extracted`` and ``reason``.
    """
    with out.open("w", encoding="utf-8") as file, Verifier(workers=1) as verifier:

        def write(line: Line) -> None:
            file.write(json.dumps(line) + "\n")
            file.flush()

        for number, model in enumerate(config.models):
            _answer(config, number, model, verifier, write)
            gc.collect()  # one model's weights at a time


def _answer(
    config: ChatConfig, number: int, model: GeneratingModel, verifier: Verifier, write: Callable[[Line], None]
) -> None:
    asked = AskedModel(model.source, model.prompt, config.hardware, PREFIX_BYTES)
    prompt = asked.codec.chat_ids([(turn.role, turn.text) for turn in config.turns])
    room = asked.room(len(prompt))
    if room is not None and room < 1:
        name = model.name or "the model"
        raise InputError(
            f"the conversation has {len(prompt):,} tokens, but {name} reads at most {len(prompt) + room:,}"
        )
    longest = min(config.sampling.max_tokens, room or config.sampling.max_tokens)
    drawn = [_Drawn() for _ in range(config.sampling.samples)]
    live = list(range(len(drawn)))
    for piece in range(-(-longest // SLICE)):
        prompts = [prompt + drawn[sample].ids for sample in live]
        params = [_params(config, asked, sample, piece, longest) for sample in live]
        for sample, (completion,) in zip(live, asked.engine.sample(prompts, params), strict=True):
            drawn[sample].add(completion)
            text = asked.codec.text(drawn[sample].ids)
            line: Line = {"model": number, "sample": sample, "text": text, "length": len(drawn[sample].ids)}
            if completion.finish_reason == "stop" or len(drawn[sample].ids) >= longest:
                line |= drawn[sample].ended(asked, text, completion) | _judged(text, config.answer, verifier)
            write(line)
        live = [sample for sample in live if not drawn[sample].is_over]
        if not live:
            break


def _params(config: ChatConfig, asked: AskedModel, sample: int, piece: int, longest: int) -> SamplingParams:
    sampling = config.sampling
    return SamplingParams(
        n=1,
        max_tokens=min(SLICE, longest - piece * SLICE),
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        stop_ids=asked.codec.stop_ids,
        seed=derive_seed(sampling.seed, "chat", piece),
        stream=sample,
    )


class _Drawn:
    """A response under way."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.is_over = False
        self._logprobs: list[float] = []
        self._entropies: list[float] = []

    def add(self, completion: Completion) -> None:
        self.ids += completion.token_ids
        self._logprobs += completion.logprobs.tolist()
        self._entropies += completion.entropies.tolist()

    def ended(self, asked: AskedModel, text: str, last: Completion) -> Line:
        self.is_over = True
        return {
            "finish_reason": last.finish_reason,
            "ids": self.ids,
            "ends": asked.codec.token_ends(self.ids, text),
            "logprobs": [round(value, 4) for value in self._logprobs],
            "entropies": [round(value, 4) for value in self._entropies],
        }


def _judged(text: str, answer: str, verifier: Verifier) -> Line:
    """The verifier's word, where there is an answer to hold the response to."""
    if not answer.strip():
        return {}
    verdict = verifier.start((text, answer)).result()
    return {"correct": verdict.correct, "extracted": verdict.extracted, "reason": verdict.reason}
