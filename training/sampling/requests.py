"""What one call of an engine asks for, checked before any work is done, and how what it gets is put in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from training.sampling.types import Completion, OnFinish, SamplingParams


@dataclass(frozen=True, slots=True)
class Sample:
    """One completion to draw."""

    prompt: tuple[int, ...]
    prompt_index: int
    sample_index: int
    params: SamplingParams

    @property
    def stream(self) -> int:
        """What its random numbers depend on besides the seed and `sample_index`."""
        return self.prompt_index if self.params.stream is None else self.params.stream

    @property
    def longest(self) -> int:
        """Tokens of the prompt and of the longest completion it may have."""
        return len(self.prompt) + self.params.max_tokens


def samples_of(
    prompts: Sequence[Sequence[int]],
    params: SamplingParams | Sequence[SamplingParams],
    vocabulary: int,
    context: int | None,
) -> list[Sample]:
    """Every sample of a call, in order of prompts.

    Raises ValueError for an empty prompt, an id outside [0, `vocabulary`), a length beyond `context`, or a number of
    params that is not the number of prompts.
    """
    each = [params] * len(prompts) if isinstance(params, SamplingParams) else list(params)
    if len(each) != len(prompts):
        raise ValueError(f"{len(prompts)} prompts came with {len(each)} params; give one for all, or one for each")
    samples = []
    for index, (prompt, own) in enumerate(zip(prompts, each, strict=True)):
        ids = tuple(prompt)
        check_request(index, ids, own, vocabulary, context)
        samples += [Sample(ids, index, number, own) for number in range(own.n)]
    return samples


def check_request(
    index: int, ids: tuple[int, ...], params: SamplingParams, vocabulary: int, context: int | None
) -> None:
    """Raise ValueError for what `samples_of` refuses."""
    if not ids:
        raise ValueError(f"prompt {index} is empty; a prompt needs at least one token")
    if min(ids) < 0 or max(ids) >= vocabulary:
        raise ValueError(
            f"prompt {index} has ids from {min(ids)} to {max(ids)}; the model's go from 0 to {vocabulary - 1}"
        )
    if context is not None and len(ids) + params.max_tokens > context:
        raise ValueError(
            f"prompt {index} has {len(ids)} tokens and may get {params.max_tokens} more, but the model's context is "
            f"{context} tokens; shorten the prompt or lower max_tokens"
        )


def collected(
    finished: Iterable[tuple[Sample, Completion]], prompts: int, on_finish: OnFinish | None
) -> list[list[Completion]]:
    """What a call returns: the completions of each of its prompts, in order; each is told as it finishes."""
    results: list[dict[int, Completion]] = [{} for _ in range(prompts)]
    for sample, completion in finished:
        results[sample.prompt_index][sample.sample_index] = completion
        if on_finish is not None:
            on_finish(sample.prompt_index, sample.sample_index, completion)
    return [[of_prompt[number] for number in range(len(of_prompt))] for of_prompt in results]
