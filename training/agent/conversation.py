"""A response of several turns as token ids that are only ever appended to, and the rules by which it goes on or ends.

Nothing is read back from text and tokenised again: what the model drew stays as it was drawn, in the response and in
the loss. Order of the rules as in rStar2-Agent's loop (arXiv 2508.20722).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from training.agent.line_calls import parse_either
from training.agent.parser import CallRequest, parse_calls, plain
from training.agent.results import ToolResult, result_text, shortened
from training.agent.templates import TurnTemplate
from training.agent.trace import ToolCall, Trace, Turn
from training.agent.workspace import Workspace
from training.codec import Codec
from training.config import AgenticConfig
from training.events.traces import Ending
from training.experience.types import Rollout
from training.rewards.answers import answer_tags, last_answer
from training.sampling.types import Completion, FinishReason

MOST_STORED = 4000
"""Characters of each output of a call that are kept to be looked at; the model sees fewer."""

_REASONS: dict[Ending, FinishReason] = {
    "answered": "stop",
    "turns": "stop",
    "budget": "length",
    "result": "length",
    "abort": "abort",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What all conversations of a run have in common."""

    config: AgenticConfig
    codec: Codec
    template: TurnTemplate


@dataclass(slots=True, eq=False)
class Conversation:
    """One response under way. Times are seconds since it began."""

    rules: Rules
    prompt: list[int]
    budget: int
    """Most tokens after the prompt, whoever wrote them."""
    workspace: Workspace | None = None
    """The repository that its tools read and change."""
    response: list[int] = field(default_factory=list)
    drawn: list[bool] = field(default_factory=list)
    """Which tokens of the response the model drew."""
    logprobs: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    trace: Trace = field(default_factory=Trace)
    began: float = 0.0
    """When the turn under way could begin."""
    texts: list[str] = field(default_factory=list)
    """What the model wrote, by turn."""
    weights_version: int | None = None
    """Of the weights that drew the first turn."""

    @property
    def ids(self) -> list[int]:
        """Everything so far: what the next turn continues."""
        return self.prompt + self.response

    @property
    def room(self) -> int:
        """Tokens the response may still get."""
        return self.budget - len(self.response)

    def add_turn(self, completion: Completion, now: float, entered: float | None = None) -> list[CallRequest]:
        """Append what the model began to draw at `entered`; returns the calls to run, none when it has ended."""
        start = len(self.response)
        if not start:
            self.weights_version = completion.weights_version
        self.response += completion.token_ids
        self.drawn += [True] * len(completion.token_ids)
        self.logprobs += completion.logprobs.tolist()
        self.entropies += completion.entropies.tolist()
        entered = self.began if entered is None else entered
        self.trace.turns.append(Turn(start, len(self.response), self.began, now, entered))
        text = self.rules.codec.tokenizer.decode(completion.token_ids, clean_up_tokenization_spaces=False)
        self.texts.append(str(text))
        self.trace.seconds = now
        if completion.finish_reason == "abort":
            return self._ended("abort")
        if self.room <= 0 or completion.finish_reason == "length":
            return self._ended("budget")
        schemas = self.rules.codec.line_schemas
        requests = parse_either(self.texts[-1], schemas) if schemas else parse_calls(self.texts[-1])
        if not requests:
            return self._ended("answered")
        self.trace.calls += [self._call(request, now) for request in requests]
        if len(self.trace.turns) >= self.rules.config.max_turns:
            return self._ended("turns")
        return requests[: self.rules.config.max_calls]

    def add_results(self, results: Sequence[tuple[ToolResult, float]], now: float) -> bool:
        """Append what the calls of the latest turn gave, each with the time it ended at.

        False when the response has ended, since there is no room for it.
        """
        config, turn = self.rules.config, len(self.trace.turns) - 1
        calls = [call for call in self.trace.calls if call.turn == turn][: len(results)]
        for call, (result, ended) in zip(calls, results, strict=True):
            text = plain(result_text(result))
            call.result, call.truncated = shortened(text, config.result_characters, config.result_cut)
            call.status = result.status
            call.stdout, call.stderr, call.value, call.error = (
                shortened(plain(part), MOST_STORED, "middle")[0]
                for part in (result.stdout, result.stderr, result.value, result.error)
            )
            call.queue_s, call.wall_s, call.ended = result.queue_s, result.wall_s, ended
        between = self.rules.template.between([call.result for call in calls], self.response[-1])
        ids, first = between.ids, len(self.response)
        self.trace.seconds = now
        if len(ids) >= self.room:
            self._ended("result")
            return False
        for call, (start, end) in zip(calls, between.spans, strict=True):
            call.start, call.end = first + start, first + end
        self.response += ids
        self.drawn += [False] * len(ids)
        self.logprobs += [0.0] * len(ids)
        self.entropies += [0.0] * len(ids)
        self.began = now
        return True

    def rollout(self) -> Rollout:
        """The response as training sees it, to be scored."""
        text = self.rules.codec.text
        of_model = [text(self.response[turn.start : turn.end]) for turn in self.trace.turns]
        whole = text(self.response)
        self.trace.answers = sum(answer_tags(part) for part in of_model)
        if self.workspace is not None:
            self.trace.diff = self.workspace.diff
        return Rollout(
            token_ids=self.response,
            text=whole,
            finish_reason=_REASONS[self.trace.ending],
            sampler_logprobs=np.array(self.logprobs, np.float32),
            entropies=np.array(self.entropies, np.float32),
            mask=None if all(self.drawn) else np.array(self.drawn),
            trace=self.trace,
            written="\n".join(of_model),
            weights_version=self.weights_version,
            graded=whole if self.rules.config.reward_scope == "response" else last_answer(of_model),
        )

    def _call(self, request: CallRequest, now: float) -> ToolCall:
        turn = len(self.trace.turns) - 1
        return ToolCall(turn, request.name, request.written, "unanswered", began=now, ended=now)

    def _ended(self, ending: Ending) -> list[CallRequest]:
        self.trace.ending = ending
        return []
