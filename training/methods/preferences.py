"""What reward models and DPO have in common: a step learns from ranked prompts, an evaluation predicts held-out ones.

Both give every response a reward, a reward model by its head and DPO by the policy's log-ratio to its reference, and
make people's rankings likely under these.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import hardshrink

from training.algorithms.preferences import PairBatch, TieRule, pair_accuracy
from training.batching import Example, share_of_work, whole_batches
from training.config import PreferenceMethod
from training.distributed import Processes
from training.events.types import AnyEvent, Phase
from training.learner import Learner
from training.methods.ranked_items import RankedItem, RankedItems, joined_pairs
from training.methods.types import Outcome
from training.optimiser import Optimiser
from training.preference_report import report_event
from training.recorder import Recorder
from training.stream import ShuffledStream


class PreferenceTraining(ABC):
    """One step: take the next ranked prompts, read each response once, and make one update on all their pairs."""

    phases: tuple[Phase, ...] = ("updating",)
    rule: TieRule = TieRule()
    """How ties count."""
    rounding: float = 0.0
    """Rewards closer to 0 than this are told as 0."""

    def __init__(
        self,
        config: PreferenceMethod,
        train: RankedItems,
        heldout: RankedItems,
        optimiser: Optimiser,
        micro_batch_tokens: int,
        recorder: Recorder,
        processes: Processes,
        seed: int,
        steps: int,
        *,
        learner: Learner,
        padded: bool,
    ) -> None:
        self._config = config
        self._train = train
        self._heldout = heldout
        self._stream = ShuffledStream(train.items, seed)
        self._optimiser = optimiser
        self._micro_batch_tokens = micro_batch_tokens
        self._recorder = recorder
        self._processes = processes
        self._last_step = steps
        self._learner = learner
        self._padded = padded
        self._tokens = 0

    @abstractmethod
    def _rewards(self, items: Sequence[RankedItem]) -> Tensor:
        """Rewards [N] or [N, H] of all responses of the items, with a gradient."""

    @abstractmethod
    def _loss(self, rewards: Tensor, pairs: PairBatch, items: int) -> Tensor:
        """This part's share in the mean over `items` of the weighted losses of the pairs."""

    def step(self, step: int) -> Outcome:
        """One update on the next ranked prompts."""
        items = self._stream.take(self._config.rankings_per_step)
        with self._recorder.phase("updating"):
            loss, rewards = self._run(items, backward=True)
            grad_norm = self._optimiser.update(step)
        self._updated(step)
        tokens = sum(item.tokens for item in items)
        self._tokens += tokens
        return Outcome(
            {
                "optim/loss": loss,
                "optim/grad_norm": grad_norm,
                "optim/learning_rate": self._optimiser.rate(step),
                **self._figures(rewards, joined_pairs(items)),
                "data/too_long": self._train.too_long + self._heldout.too_long,
                "data/undecided": self._train.undecided + self._heldout.undecided,
                "data/epoch": self._stream.drawn / len(self._train.items),
                "tokens/step": tokens,
                "tokens/total": self._tokens,
            }
        )

    def evaluate(self) -> Outcome | None:
        """How well held-out labels are predicted; at the last step every ranked response is scored as well."""
        if not self._heldout.items:
            return None
        with self._recorder.phase("evaluating"), torch.no_grad():
            loss, rewards = self._run(self._heldout.items, backward=False)
            shift = self._shift()
            scored = [(self._heldout.items, rewards, True)]
            if self._recorder.step == self._last_step:
                scored.append((self._train.items, self._run(self._train.items, backward=False)[1], False))
        figures = self._figures(rewards, joined_pairs(self._heldout.items))
        metrics = {"heldout/loss": loss} | {
            name.replace("preference/", "heldout/preference_"): value for name, value in figures.items()
        }
        event: AnyEvent = report_event(self._recorder.step, loss, scored, self.rule, shift)
        return Outcome(metrics, events=[event], score=self._score(metrics))

    def state_dict(self) -> dict[str, Any]:
        """What the next step depends on besides the weights and the optimiser."""
        return {"rankings": self._stream.drawn, "tokens": self._tokens}

    def load_state_dict(self, state: dict[str, Any], step: int) -> None:
        """Continue after `step`."""
        self._stream.drawn, self._tokens = state["rankings"], state["tokens"]
        self._updated(step)

    def _updated(self, step: int) -> None:  # noqa: B027  # whoever keeps nothing beside the weights need not know
        """The weights are those of `step` now."""

    def _shift(self) -> Tensor | None:
        """What is taken off the rewards where they are told: [H]; None for nothing. Called in all processes."""
        return None

    def _score(self, metrics: dict[str, float]) -> float | None:
        """What the best checkpoint is chosen by."""
        return -metrics["heldout/loss"]

    def _figures(self, rewards: Tensor, pairs: PairBatch) -> dict[str, float]:
        """Of rewards [N, H] and the pairs among them."""
        means = rewards.mean(1)
        strict = ~pairs.ties
        figures = {
            "preference/reward_mean": float(means.mean()),
            "preference/reward_std": float(means.std(correction=0)),
        }
        if (accuracy := pair_accuracy(rewards, pairs)) is not None:
            margins = (means[pairs.chosen] - means[pairs.rejected])[strict]
            figures |= {"preference/accuracy": accuracy, "preference/margin": float(margins.mean())}
        if rewards.shape[1] > 1:
            figures["preference/head_spread"] = float(rewards.std(dim=1, correction=0).mean())
        return figures

    def _run(self, items: Sequence[RankedItem], backward: bool) -> tuple[float, Tensor]:
        """Mean loss over the items and rewards [N, H] of their responses, of all processes; each runs its share."""
        total = 0.0
        found: dict[int, Tensor] = {}
        mine = self._mine(items)
        families = [items[place].examples for place in mine]
        batches = whole_batches(families, self._micro_batch_tokens, self._padded)
        for part in self._processes.in_step(batches, backward and self._learner.shards is not None):
            if not part:
                self._learner.take_part()
                continue
            places = [mine[each] for each in part]
            batch = [items[place] for place in places]
            rewards = self._rewards(batch)
            loss = self._loss(rewards, joined_pairs(batch).to(rewards.device), len(items))
            if backward:
                loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
            columns = hardshrink(rewards.detach().to("cpu", torch.float32).view(len(rewards), -1), self.rounding)
            sizes = [len(item.examples) for item in batch]
            found |= dict(zip(places, torch.split(columns, sizes), strict=True))
        shares = self._processes.gather((total, found))
        everything = {place: rewards for _, share in shares for place, rewards in share.items()}
        return sum(loss for loss, _ in shares), torch.cat([everything[place] for place in range(len(items))])

    def _mine(self, items: Sequence[RankedItem]) -> list[int]:
        """Places of the items that this process runs, of about equal tokens for each."""
        examples: list[Example] = [example for item in items for example in item.examples]
        owners = [place for place, item in enumerate(items) for _ in item.examples]
        return sorted({owners[i] for i in share_of_work(examples, self._processes.rank, self._processes.count)})
