"""The learned reward of responses: a reward model's opinion, in batches, with a prompt once for all its responses."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor

from training.algorithms.learned_rewards import combined, cut, relative
from training.batching import Example, micro_batches
from training.config import LearnedRewardConfig
from training.distributed import Processes
from training.experience.types import Group, Rollout
from training.offload import FrozenWeights
from training.reward_model import RewardModel
from training.sampling.types import Engine, SamplingParams
from training.seeds import derive_seed
from training.solutions.keys import problem_key

LEARNED = "learned"
"""Name of the learned reward among the parts of a reward."""


class ReferenceRewards:
    """What the reference's answers to each problem are worth on average: sampled once a problem, then remembered
    until the reference changes.

    All processes know what any of them has found out, since each of them asks at the same times.
    """

    def __init__(
        self,
        engine: Engine,
        params: SamplingParams,
        seed: int,
        score: "ResponseScores",
        processes: Processes,
        in_use: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`engine` samples from the reference by `params`, whose seed is taken for each problem from `seed`.

        Within `in_use` the reference can be asked.
        """
        self.known: dict[str, float] = {}
        """By key of the problem."""
        self._engine = engine
        self._params = params
        self._seed = seed
        self._score = score
        self._processes = processes
        self._in_use = in_use

    def answers(self, groups: Sequence[Group]) -> dict[str, list[Example]]:
        """What the reference answers to the problems that are not known yet, by their keys."""
        prompts = {_key(group): group.prompt_ids for group in groups if _key(group) not in self.known}
        if not self._processes.any(bool(prompts)):
            return {}  # else all let the reference come, who may have to put it together
        params = [replace(self._params, seed=derive_seed(self._seed, "reference", key), stream=0) for key in prompts]
        with self._in_use():
            completions = self._engine.sample(list(prompts.values()), params)
        return {
            key: [Example(prompt, completion.token_ids) for completion in drawn]
            for (key, prompt), drawn in zip(prompts.items(), completions, strict=True)
        }

    def learn(self, answers: Mapping[str, list[Example]]) -> None:
        """Score these answers, and remember what all processes found out."""
        found: dict[str, float] = {}
        if answers:
            rewards = self._score.of([example for drawn in answers.values() for example in drawn])
            found = dict(zip(answers, rewards.view(len(answers), self._params.n).mean(dim=1).tolist(), strict=True))
        for each in self._processes.gather(found):
            self.known = each | self.known  # of two processes that found the same out, the first counts

    def of(self, groups: Sequence[Group]) -> list[float]:
        """One for each group, whose problem was learned."""
        return [self.known[_key(group)] for group in groups]


class ResponseScores:
    """A reward model with its heads made one."""

    def __init__(
        self, model: RewardModel, config: LearnedRewardConfig, micro_batch_tokens: int, offload: bool = False
    ) -> None:
        """With `offload` the model waits in host memory, and scores within `in_use` only."""
        self._model = model
        self._weights = FrozenWeights(model.model, model.device, offload)
        self._config = config
        self._micro_batch_tokens = micro_batch_tokens

    def in_use(self) -> AbstractContextManager[None]:
        """Within it the model is on its device."""
        return self._weights.in_use()

    def of(self, examples: Sequence[Example]) -> Tensor:
        """Float32 [B] on the CPU."""
        return combined(self.of_heads(examples), self._config.heads)

    @torch.no_grad()
    def of_heads(self, examples: Sequence[Example]) -> Tensor:
        """Float32 [B, H] on the CPU."""
        rewards = torch.empty(len(examples), self._model.heads)
        for batch in micro_batches(examples, self._micro_batch_tokens, padded=not self._model.packed):
            rewards[batch] = self._model.rewards([examples[place] for place in batch]).cpu()
        return rewards


class LearnedReward:
    """Scores rollouts as the config says."""

    def __init__(
        self, scores: ResponseScores, config: LearnedRewardConfig, reference: ReferenceRewards | None = None
    ) -> None:
        """`reference` is needed where rewards are compared with the reference's."""
        if config.anchored and reference is None:
            raise ValueError("rewards that are compared with the reference's need those")
        self._scores = scores
        self._config = config
        self._reference = reference

    def score(self, groups: Sequence[Group]) -> None:
        """Fill in what the rollouts earn, and what each head says of them; those that know it already keep it.

        All processes call it at the same times, each with its own groups.
        """
        asked = [(group, rollout) for group in groups for rollout in group.rollouts if LEARNED not in rollout.parts]
        answers = self._reference.answers(groups) if self._reference else {}
        with self._scores.in_use() if asked or answers else nullcontext():
            if self._reference:
                self._reference.learn(answers)
            heads = self._scores.of_heads([Example(group.prompt_ids, rollout.token_ids) for group, rollout in asked])
        if asked:
            self._pay(groups, asked, heads)

    def _pay(self, groups: Sequence[Group], asked: Sequence[tuple[Group, Rollout]], heads: Tensor) -> None:
        anchors = self._reference.of(groups) if self._reference else [0.0] * len(groups)
        by_group = {id(group): anchor for group, anchor in zip(groups, anchors, strict=True)}
        rewards = combined(heads, self._config.heads)
        if self._config.anchored:
            rewards = relative(rewards, torch.tensor([by_group[id(group)] for group, _ in asked]))
        for (_, rollout), of_one, reward in zip(
            asked, heads.numpy(), cut(rewards, self._config.clip).tolist(), strict=True
        ):
            rollout.parts[LEARNED] = reward
            rollout.learned_heads = of_one

    def forget_reference(self) -> None:
        """Ask the reference again, from now on. All processes call it at the same times."""
        self.load_state_dict({})

    def state_dict(self) -> dict[str, float]:
        """What the reference's answers are worth, by problem: plain values, for a checkpoint."""
        return dict(self._reference.known) if self._reference else {}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """What `state_dict` gave."""
        if self._reference:
            self._reference.known = dict(state)


def _key(group: Group) -> str:
    """Of its problem."""
    return problem_key(group.problem.prompt, group.problem.answer)
