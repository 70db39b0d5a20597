"""Agentic experience: each problem is answered several times in conversations that call tools, every answer scored."""

from collections.abc import Sequence
from concurrent.futures import Future
from itertools import accumulate

from training.agent.conversation import Conversation, Rules
from training.agent.loop import AgentLoop, LoopClock, Seat
from training.agent.repository_tests import RepositoryTests
from training.agent.templates import TurnTemplate
from training.agent.tools import ToolRunner
from training.agent.workspace import Workspace
from training.codec import Codec
from training.config import AgenticConfig
from training.distributed import Processes
from training.errors import InputError
from training.experience.agentic_summary import summarise_classes, summarise_clock
from training.experience.direct import DirectExperience
from training.experience.scoring import Scorer
from training.experience.types import Group, Rollout
from training.problems.repository import files_of
from training.problems.types import Problem
from training.recorder import Recorder
from training.rewards.verifier import Verdict
from training.sampling.kv_scheduler import NeverFitsError
from training.sampling.types import SamplingParams, StreamingEngine


class AgenticExperience(DirectExperience):
    """Gathers like `DirectExperience`, but a response has turns, and tools run between them.

    `SamplingParams.max_tokens` bounds all that follows the prompt. Raises InputError when the prompt is no chat.
    """

    def __init__(
        self,
        engine: StreamingEngine,
        codec: Codec,
        scorer: Scorer,
        recorder: Recorder,
        processes: Processes,
        config: AgenticConfig,
        tools: ToolRunner,
        tests: RepositoryTests | None = None,
    ) -> None:
        """With `tests`, each conversation has its problem's repository, and is judged by what it leaves there."""
        super().__init__(engine, codec, scorer, recorder, processes)
        self._tests = tests
        self._rules = Rules(config, codec, TurnTemplate(codec))
        self._loop = AgentLoop([engine], tools, config.kv_oversubscription, config.while_tools_run == "yield")

    def take_figures(self) -> dict[str, float]:
        """See `DirectExperience`: how long the engine waited for tools. Of this process alone."""
        clock, self._loop.clock = self._loop.clock, LoopClock()
        return summarise_clock(clock)

    def token_figures(self, groups: Sequence[Group]) -> dict[str, float]:
        """See `DirectExperience`: by what they do."""
        return summarise_classes([rollout for group in groups for rollout in group.rollouts], self._codec)

    def _gather(self, problems: Sequence[Problem], params: Sequence[SamplingParams]) -> list[Group]:
        prompts = [self._codec.prompt_ids(problem.prompt) for problem in problems]
        seats = [
            Seat(Conversation(self._rules, list(prompt), own.max_tokens, self._workspace(problem)), own, sample)
            for problem, prompt, own in zip(problems, prompts, params, strict=True)
            for sample in range(own.n)
        ]
        asked = [problem for problem, own in zip(problems, params, strict=True) for _ in range(own.n)]
        rollouts: dict[int, Rollout] = {}
        verdicts: list[tuple[Rollout, Future[Verdict]]] = []

        def on_end(number: int) -> None:
            rollout = rollouts[number] = seats[number].talk.rollout()
            verdicts.append((rollout, self._judged(rollout, seats[number].talk, asked[number])))
            self._recorder.progress(len(verdicts))

        with self._recorder.phase("sampling", total=len(seats)):
            try:
                self._loop.run(seats, on_end)
            except NeverFitsError as error:
                raise InputError(str(error)) from error
        with self._recorder.phase("scoring", total=len(verdicts)):
            for rollout, verdict in verdicts:
                self._scorer.settle(rollout, verdict.result())
                if rollout.trace is not None and self._tests is not None:
                    rollout.trace.tests = verdict.result().reason
        version = self._engine.weights_version
        ends = list(accumulate(own.n for own in params))
        return [
            Group(problem, prompt, [rollouts[number] for number in range(end - own.n, end)], version)
            for problem, prompt, own, end in zip(problems, prompts, params, ends, strict=True)
        ]

    def _workspace(self, problem: Problem) -> Workspace | None:
        files = files_of(problem) if self._tests is not None else None
        return None if files is None else Workspace(files)

    def _judged(self, rollout: Rollout, talk: Conversation, problem: Problem) -> "Future[Verdict]":
        """By the tests of its repository where it had one, else by what it answered."""
        if self._tests is not None and talk.workspace is not None:
            return self._tests.judge(talk.workspace)
        return self._scorer.start(rollout, problem.answer)
