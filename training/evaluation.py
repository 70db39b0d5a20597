"""How good a model is, from several answers to each problem: the same code while training goes on and by itself."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from training.algorithms.estimators import majority, mean_interval, pass_at_k
from training.algorithms.tallies import Answer, Tally
from training.events import RolloutGroup
from training.experience.agentic_summary import summarise_traces
from training.experience.direct import DirectExperience
from training.experience.learned import LEARNED
from training.experience.types import Group
from training.methods.types import Outcome
from training.problems.types import Problem
from training.recorder import Recorder
from training.sampling.types import SamplingParams

K = 8
"""Of the pass@k that is reported as a figure; fewer samples take their own number."""


def tally_of(group: Group) -> Tally:
    """Of a group as it was sampled."""
    return _tally(Answer(r.correct, r.extracted, len(r), r.truncated, r.greedy) for r in group.rollouts)


def tally_of_event(group: RolloutGroup) -> Tally:
    """Of a group as an event file tells it."""
    return _tally(
        Answer(r.correct, r.extracted, r.length, r.finish_reason == "length", r.greedy) for r in group.rollouts
    )


def figures(tallies: Sequence[Tally]) -> dict[str, float]:
    """The metrics of these problems; those over several samples only where there are several."""
    sampled = sum(tally.samples for tally in tallies)
    average = mean_interval([tally.share for tally in tallies], sampled)
    found = {
        "heldout/pass_at_1": sum(tally.right for tally in tallies) / sampled,
        "heldout/pass_at_1_low": average.low,
        "heldout/pass_at_1_high": average.high,
        "heldout/length_mean": sum(tally.tokens for tally in tallies) / sampled,
        "heldout/truncated_share": sum(tally.truncated for tally in tallies) / sampled,
    }
    greedy = [tally.greedy for tally in tallies if tally.greedy is not None]
    if greedy:
        found["heldout/greedy"] = sum(greedy) / len(greedy)
    if min(tally.samples for tally in tallies) > 1:
        solved = [pass_at_k(tally.samples, tally.right, min(K, tally.samples)) for tally in tallies]
        found["heldout/pass_at_k"] = sum(solved) / len(tallies)
        found["heldout/maj_at_k"] = sum(majority(tally.votes) for tally in tallies) / len(tallies)
    return found


def tool_figures(groups: Sequence[Group], of: str) -> dict[str, float]:
    """How the answers called tools, as figures of this group of metrics; nothing where they could not."""
    found = summarise_traces(groups)
    return {f"{of}/{name}": found[f"tools/{name}"] for name in ("calls_mean", "failed_share") if found}


def ask(
    experience: DirectExperience, problems: Sequence[Problem], params: SamplingParams, greedy: bool = True
) -> list[Group]:
    """Each problem with `params.n` sampled answers and, last, a greedy one."""
    count = len(problems)
    if not greedy:
        return experience.gather(problems, [params] * count)
    both = experience.gather([*problems, *problems], [params] * count + [_likeliest(params)] * count)
    return _merged(both[:count], both[count:])


def greedily(experience: DirectExperience, groups: Sequence[Group], params: SamplingParams) -> list[Group]:
    """The groups, each with a greedy answer added."""
    return _merged(groups, experience.gather([group.problem for group in groups], [_likeliest(params)] * len(groups)))


class Evaluator:
    """Asks the same problems with the same random numbers each time, so that what changes is the policy."""

    def __init__(
        self, experience: DirectExperience, problems: Sequence[Problem], params: SamplingParams, recorder: Recorder
    ) -> None:
        self._experience = experience
        self._problems = list(problems)
        self._params = params
        self._recorder = recorder

    def evaluate(self) -> Outcome:
        """Sample each problem `params.n` times and once greedily. The score is the sampled pass@1."""
        with self._recorder.phase("evaluating"):
            groups = ask(self._experience, self._problems, self._params)
        self._experience.take_figures()  # no part of the next step
        metrics = figures([tally_of(group) for group in groups]) | tool_figures(groups, "heldout")
        metrics |= _learned(groups)
        return Outcome(metrics, groups, score=metrics["heldout/pass_at_1"])


def _learned(groups: Sequence[Group]) -> dict[str, float]:
    """What a reward model says of the sampled answers; nothing without one."""
    sampled = [rollout.parts for group in groups for rollout in group.rollouts if not rollout.greedy]
    if not all(LEARNED in parts for parts in sampled):
        return {}
    return {"heldout/learned": sum(parts[LEARNED] for parts in sampled) / len(sampled)}


def _tally(answers: Iterable[Answer]) -> Tally:
    tally = Tally()
    for answer in answers:
        tally.add(answer)
    return tally


def _likeliest(params: SamplingParams) -> SamplingParams:
    return replace(params, n=1, temperature=0.0, top_p=1.0, top_k=0)


def _merged(sampled: Sequence[Group], likeliest: Sequence[Group]) -> list[Group]:
    for group, greedy in zip(sampled, likeliest, strict=True):
        greedy.rollouts[0].greedy = True
        group.rollouts.append(greedy.rollouts[0])
    return list(sampled)
