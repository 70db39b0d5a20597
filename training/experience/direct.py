"""Direct experience: each problem is answered several times in one turn, and every answer is scored."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

from training.codec import Codec
from training.distributed import Processes
from training.experience.scoring import Scorer
from training.experience.types import Group, Rollout
from training.problems.types import Problem
from training.recorder import Recorder
from training.rewards.verifier import Verdict
from training.sampling.meeting import sampling_shares
from training.sampling.types import Completion, Engine, SamplingParams


class DirectExperience:
    """Samples groups of responses and has them scored; with several processes each does its share of the problems."""

    def __init__(self, engine: Engine, codec: Codec, scorer: Scorer, recorder: Recorder, processes: Processes) -> None:
        self._engine = engine
        self._codec = codec
        self._scorer = scorer
        self._recorder = recorder
        self._processes = processes

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """Ids that end a response."""
        return self._codec.stop_ids

    def take_figures(self) -> dict[str, float]:
        """Figures of how the gathering went since this was last asked, besides those of its groups."""
        return {}

    def token_figures(self, groups: Sequence[Group]) -> dict[str, float]:
        """Figures of the most uncertain tokens in these groups."""
        return {}

    def gather(
        self, problems: Sequence[Problem], params: Sequence[SamplingParams], first: int = 0, paid: bool = True
    ) -> list[Group]:
        """One scored group for each problem, in order, drawn by the params beside it.

        What is drawn depends on each problem's params and place, not on the number of processes. `first` is the place
        of the first one, where the problems are a part of more. Without `paid` there is no learned reward: for whoever
        only asks what is right.
        """
        places = self._processes.share(range(len(problems)))
        mine = [problems[place] for place in places]
        placed = [replace(params[place], stream=first + place) for place in places]
        with sampling_shares(self._engine):
            groups = self._gather(mine, placed)
        if paid and self._scorer.has_learned:
            with self._recorder.phase("scoring"):
                self._scorer.score(groups)
        return self._processes.unshare(groups)

    def _gather(self, problems: Sequence[Problem], params: Sequence[SamplingParams]) -> list[Group]:
        prompts = [self._codec.prompt_ids(problem.prompt) for problem in problems]
        rollouts: list[dict[int, Rollout]] = [{} for _ in problems]
        verdicts: list[tuple[Rollout, Future[Verdict]]] = []

        def on_finish(place: int, sample: int, completion: Completion) -> None:
            rollout = rollouts[place][sample] = self._rollout(completion)
            verdicts.append((rollout, self._scorer.start(rollout, problems[place].answer)))
            self._recorder.progress(len(verdicts))

        with self._recorder.phase("sampling", total=sum(each.n for each in params)):
            self._engine.sample(prompts, params, on_finish)
        with self._recorder.phase("scoring", total=len(verdicts)):
            for rollout, verdict in verdicts:
                self._scorer.settle(rollout, verdict.result())
        version = self._engine.weights_version
        return [
            Group(problem, prompt, [of_problem[sample] for sample in sorted(of_problem)], version)
            for problem, prompt, of_problem in zip(problems, prompts, rollouts, strict=True)
        ]

    def _rollout(self, completion: Completion) -> Rollout:
        return Rollout(
            token_ids=completion.token_ids,
            text=self._codec.text(completion.token_ids),
            finish_reason=completion.finish_reason,
            sampler_logprobs=completion.logprobs,
            entropies=completion.entropies,
            weights_version=completion.weights_version,
        )
