"""Experience of single steps: each task is answered several times, and every answer is compared with the expert's."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

from training.agent.demonstrations import conversation_ids
from training.agent.templates import TurnTemplate
from training.codec import Codec
from training.config import SrlMethod
from training.distributed import Processes
from training.experience.scoring import Scorer
from training.experience.types import Expert, Group, Rollout
from training.recorder import Recorder
from training.rewards.verifier import Verdict
from training.sampling.meeting import sampling_shares
from training.sampling.types import Completion, Engine, SamplingParams
from training.srl.reading import Reader, may_stop, reads_over
from training.srl.similarity import similarity
from training.srl.tasks import Task

SIMILARITY, FORMAT_FAILURE = "similarity", "format_failure"
"""Names of the parts of the reward."""


def task_ids(task: Task, codec: Codec) -> list[int]:
    """Token ids that the model goes on from: the prompt and what it, and its tools, are taken to have said."""
    if task.turns:
        return conversation_ids(task.prompt, task.turns, codec, TurnTemplate(codec))
    return codec.continued_ids(task.prompt, task.given)


class StepExperience:
    """Samples groups of responses to tasks and scores them; with several processes each does its share of the tasks."""

    def __init__(
        self,
        config: SrlMethod,
        engine: Engine,
        codec: Codec,
        scorer: Scorer,
        recorder: Recorder,
        processes: Processes,
    ) -> None:
        self._config = config
        self._engine = engine
        self._codec = codec
        self._scorer = scorer
        self._recorder = recorder
        self._processes = processes
        self._reader = Reader(config)
        self._stops = codec.stop_ids
        if config.format == "continuation" and config.granularity == "step" and not reads_over(config):
            self._stops += tuple(
                token
                for token, text in codec.vocabulary()
                if token not in codec.stop_ids and may_stop(config.steps, text)
            )

    def prompt_ids(self, task: Task) -> list[int]:
        """What the model goes on from."""
        return task_ids(task, self._codec)

    def gather(self, tasks: Sequence[Task], params: SamplingParams) -> list[Group]:
        """One scored group for each task, in order; what is drawn does not depend on the number of processes."""
        places = self._processes.share(range(len(tasks)))
        placed = [replace(params, stop_ids=self._stops, stream=place) for place in places]
        with sampling_shares(self._engine):
            groups = self._gather([tasks[place] for place in places], placed)
        return self._processes.unshare(groups)

    def _gather(self, tasks: Sequence[Task], params: Sequence[SamplingParams]) -> list[Group]:
        prompts = [self.prompt_ids(task) for task in tasks]
        count = sum(each.n for each in params)
        with self._recorder.phase("sampling", total=count):
            completions = self._engine.sample(prompts, params)
        groups = []
        with self._recorder.phase("scoring", total=count):
            for task, prompt, drawn in zip(tasks, prompts, completions, strict=True):
                expert = Expert(task, self._config.autojunk)
                rollouts = [self._scored(completion, expert) for completion in drawn]
                groups.append(Group(task.problem, prompt, rollouts, self._engine.weights_version, expert=expert))
                self._recorder.progress(sum(len(group.rollouts) for group in groups))
            self._judge(groups)
        return groups

    def _scored(self, completion: Completion, expert: Expert) -> Rollout:
        """A response up to the end of its step, and what it is paid; tokens beyond are counted and forgotten."""
        text = self._codec.text(completion.token_ids)
        ended = completion.token_ids[-1] in self._codec.stop_ids
        reading = self._reader.read(text, expert.task, ended)
        kept = len(completion.token_ids)
        if reading.end < len(text):
            ends = self._codec.token_ends(completion.token_ids, text)
            kept = next(place for place, end in enumerate(ends, start=1) if end >= reading.end)
            expert.tokens_beyond += len(completion.token_ids) - kept
        ids = completion.token_ids[:kept]
        rollout = Rollout(
            token_ids=ids,
            text=self._codec.text(ids),
            finish_reason="stop" if kept < len(completion.token_ids) else completion.finish_reason,
            sampler_logprobs=completion.logprobs[:kept],
            entropies=completion.entropies[:kept],
            weights_version=completion.weights_version,
        )
        self._pay(rollout, reading.action, reading.fault, expert.task)
        return rollout

    def _pay(self, rollout: Rollout, action: str | None, fault: str, task: Task) -> None:
        rollout.extracted, rollout.fault = action, fault
        alike = 0.0 if action is None else similarity(action, task.target, self._config.autojunk)
        failure = self._config.format_failure if action is None else 0.0
        rollout.parts = {SIMILARITY: alike, FORMAT_FAILURE: failure}
        rollout.reward = alike + failure

    def _judge(self, groups: Sequence[Group]) -> None:
        """Of whole solutions the verifier says whether they are right; it is told, and not paid for."""
        if self._config.granularity != "solution":
            return
        verdicts: list[tuple[Rollout, Future[Verdict]]] = [
            (rollout, self._scorer.start(rollout, group.problem.answer))
            for group in groups
            for rollout in group.rollouts
        ]
        for rollout, verdict in verdicts:
            rollout.correct = verdict.result().correct
