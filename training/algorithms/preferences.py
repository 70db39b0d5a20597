"""What a reward model is trained to do: score responses so that people's rankings of them become likely.

A ranking of K responses to a prompt holds K(K-1)/2 comparisons that share their responses. All of them are one element
of the batch (InstructGPT, arXiv 2203.02155, Eq. 1): each response is read once, its reward serves all its pairs, and a
ranking counts the same however many responses it has. Rewards are packed: those of all rankings of a batch stand one
after another in a flat tensor [N], or [N, H] for an ensemble of H heads, each of which learns from every pair; float32
or better, because a pair counts for little and differences of rewards are small.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

TieModel = Literal["drop", "half", "rao_kupper", "davidson"]


@dataclass(frozen=True, slots=True)
class TieRule:
    """What two responses of equal rank teach.

    drop: nothing (InstructGPT).  half: half a win each way, so that their rewards draw together.
    rao_kupper: responses whose rewards differ by less than about log θ look equal; θ > 1 (Rao and Kupper, 1967).
    davidson: a tie has the strength ν · √(p_i p_j) next to p_i and p_j; ν > 0 (Davidson, 1970).
    """

    model: TieModel = "drop"
    parameter: float | None = None
    """θ of Rao and Kupper or ν of Davidson; None with the other models."""

    def __post_init__(self) -> None:
        least = {"rao_kupper": 1.0, "davidson": 0.0}.get(self.model)
        if least is None:
            if self.parameter is not None:
                raise ValueError(f"ties by {self.model!r} have no parameter, got {self.parameter}")
        elif self.parameter is None or not least < self.parameter < math.inf:
            raise ValueError(f"ties by {self.model!r} need a parameter above {least:g}, got {self.parameter}")


@dataclass(frozen=True, slots=True)
class Ranking:
    """How a person ordered the responses to one prompt.

    Raises ValueError for ranks that are no numbers, and for margins of pairs that do not stand in this order.
    """

    ranks: Sequence[float]
    """Of each response: lower is better, equal is a tie."""
    margins: Mapping[tuple[int, int], float] = field(default_factory=dict)
    """(place of the better, place of the worse) → by how much their rewards shall differ at least (Llama 2,
    arXiv 2307.09288, section 3.2.2); 0 where none is named."""

    def __post_init__(self) -> None:
        if any(math.isnan(rank) for rank in self.ranks):
            raise ValueError(f"a rank is not a number: {list(self.ranks)}")
        places = range(len(self.ranks))
        for better, worse in self.margins:
            if better not in places or worse not in places or not self.ranks[better] < self.ranks[worse]:
                raise ValueError(f"a margin of {better} over {worse} goes against the ranks {list(self.ranks)}")


@dataclass(frozen=True, slots=True, eq=False)
class PairBatch:
    """The comparisons of several rankings; all tensors are [P]."""

    chosen: Tensor
    """int64: the better response's place in the packed rewards; of a tie, the one that stands first."""
    rejected: Tensor
    """int64: the other's."""
    weights: Tensor
    """float64: 1 / number of pairs of the ranking, so that each ranking sums to 1."""
    ties: Tensor
    """bool."""
    margins: Tensor
    """float64; 0 for ties."""

    def to(self, device: torch.device | str) -> "PairBatch":
        """The same on a device."""
        tensors = (self.chosen, self.rejected, self.weights, self.ties, self.margins)
        return PairBatch(*(tensor.to(device) for tensor in tensors))


def pairs_of(rankings: Sequence[Ranking], ties: TieModel = "drop") -> PairBatch:
    """All pairs of each ranking, where the responses of the rankings are packed in the order given.

    A ranking that has no pair (fewer than two responses, or nothing but ties that are dropped) counts for nothing.
    """
    chosen: list[int] = []
    rejected: list[int] = []
    weights: list[float] = []
    margins: list[float] = []
    tied: list[bool] = []
    start = 0
    for ranking in rankings:
        pairs = _pairs(ranking, keep_ties=ties != "drop")
        for better, worse in pairs:
            chosen.append(start + better)
            rejected.append(start + worse)
            weights.append(1 / len(pairs))
            tied.append(ranking.ranks[better] == ranking.ranks[worse])
            margins.append(ranking.margins.get((better, worse), 0.0))
        start += len(ranking.ranks)
    return PairBatch(
        torch.tensor(chosen, dtype=torch.long),
        torch.tensor(rejected, dtype=torch.long),
        torch.tensor(weights, dtype=torch.float64),
        torch.tensor(tied, dtype=torch.bool),
        torch.tensor(margins, dtype=torch.float64),
    )


def _pairs(ranking: Ranking, *, keep_ties: bool) -> list[tuple[int, int]]:
    """(better, worse) places within one ranking."""
    ranks = ranking.ranks
    return [
        (i, j) if ranks[i] <= ranks[j] else (j, i)
        for i, j in itertools.combinations(range(len(ranks)), 2)
        if keep_ties or ranks[i] != ranks[j]
    ]


def outcome_logprobs(differences: Tensor, rule: TieRule) -> tuple[Tensor, Tensor, Tensor]:
    """Log-chances that the first response wins, loses or ties, each of the shape of `differences`.

    `differences` are rewards r_i - r_j, with strengths p = e^r. `drop` and `half` are Bradley and Terry's
    P(i > j) = p_i / (p_i + p_j), which knows no ties: their log-chance is -inf.
    """
    if rule.model == "rao_kupper":
        assert rule.parameter is not None  # the rule saw to it
        threshold = math.log(rule.parameter)
        won, lost = logsigmoid(differences - threshold), logsigmoid(-differences - threshold)
        # p_i p_j (θ² - 1) / ((p_i + θ p_j)(p_j + θ p_i))
        return won, lost, won + lost + math.log(math.expm1(2 * threshold))
    if rule.model == "davidson":
        assert rule.parameter is not None
        tie = torch.full_like(differences, math.log(rule.parameter))
        # All three strengths over √(p_i p_j).
        logprobs = torch.stack([differences / 2, -differences / 2, tie]).log_softmax(dim=0)
        return logprobs[0], logprobs[1], logprobs[2]
    return logsigmoid(differences), logsigmoid(-differences), torch.full_like(differences, -math.inf)


def pair_losses(rewards: Tensor, pairs: PairBatch, rule: TieRule) -> Tensor:
    """-log-likelihood of each pair: [P], or [P, H] for rewards [N, H].

    -log σ(r_chosen - r_rejected - margin) by Bradley and Terry. Raises ValueError for ties that were to be dropped.
    """
    if rule.model == "drop" and bool(pairs.ties.any()):
        raise ValueError("ties are to be dropped, but there are some among the pairs")
    differences = rewards[pairs.chosen] - rewards[pairs.rejected]
    ties, margins = _columns(pairs.ties, rewards), _columns(pairs.margins.to(rewards.dtype), rewards)
    won, lost, tied = outcome_logprobs(differences - margins, rule)
    if rule.model == "half":
        tied = (won + lost) / 2
    return -torch.where(ties, tied, won)


def preference_loss(
    rewards: Tensor, pairs: PairBatch, rule: TieRule, *, centering: float = 0.0, total: float | None = None
) -> Tensor:
    """Scalar to be minimised: mean over rankings of the mean over their pairs, and over heads, of `pair_losses`.

    `centering` c adds c · mean (r_chosen + r_rejected)², which keeps rewards around 0 without changing their
    differences (Eisenstein et al., arXiv 2312.09244). `total` is the number of rankings of the whole update where this
    batch is a part of it, so that the losses of the parts add up; None: those that have pairs here.
    """
    losses = pair_losses(rewards, pairs, rule)
    if centering:
        losses = losses + centering * (rewards[pairs.chosen] + rewards[pairs.rejected]).square()
    weights = pairs.weights.to(losses.dtype)
    whole = weights.sum().clamp(min=1) if total is None else total
    return (_columns(weights, rewards) * losses).sum() / (whole * (rewards.shape[1] if rewards.dim() == 2 else 1))


def pair_accuracy(rewards: Tensor, pairs: PairBatch) -> float | None:
    """Share of the decided pairs whose better response has strictly more reward, on average over heads; None without.

    Equal rewards are wrong: a model that scores all alike has learned nothing.
    """
    means = rewards.detach() if rewards.dim() == 1 else rewards.detach().mean(dim=1)
    right = (means[pairs.chosen] > means[pairs.rejected])[~pairs.ties]
    return float(right.double().mean()) if right.numel() else None


def plackett_luce_nll(rewards: Tensor, dim: int = -1) -> Tensor:
    """-log-likelihood of the order of the rewards [..., K], best first: Σ_i log Σ_{j>=i} e^{r_j} - r_i, [...].

    The best is chosen among all, the next among the rest, and so on (Plackett, 1975); for K = 2 Bradley and Terry's.
    """
    remaining = rewards.flip(dim).logcumsumexp(dim).flip(dim)
    return (remaining - rewards).sum(dim)


def top_1_nll(rewards: Tensor, dim: int = -1) -> Tensor:
    """-log-likelihood that the first of the rewards [..., K] is the best, whatever the order of the rest: [...]."""
    return rewards.logsumexp(dim) - rewards.select(dim, 0)


def plackett_luce_loss(
    rewards: Tensor, rankings: Sequence[Ranking], *, top_1: bool = False, total: float | None = None
) -> Tensor:
    """Scalar to be minimised: mean over rankings and heads of their Plackett-Luce -log-likelihood.

    `rewards` [N] or [N, H] are packed as for `pairs_of`. `top_1` learns only which response is the best. `total` as in
    `preference_loss`; None: the rankings of two responses or more. Raises ValueError where a tie leaves the order
    open, and where the rewards are not as many as the ranks.
    """
    if len(rewards) != (count := sum(len(ranking.ranks) for ranking in rankings)):
        raise ValueError(f"{len(rewards)} rewards for {count} ranked responses")
    nll = top_1_nll if top_1 else plackett_luce_nll
    losses, start = [rewards.sum() * 0], 0
    for ranking in rankings:
        if len(ranking.ranks) > 1:
            order = torch.tensor(best_first(ranking, top_1=top_1), device=rewards.device) + start
            losses.append(nll(rewards[order], dim=0).mean())
        start += len(ranking.ranks)
    return torch.stack(losses).sum() / (max(len(losses) - 1, 1) if total is None else total)


def best_first(ranking: Ranking, *, top_1: bool = False) -> list[int]:
    """Places of the responses, the best first. ValueError for a tie; with `top_1`, only for one about the best."""
    order = sorted(range(len(ranking.ranks)), key=lambda place: ranking.ranks[place])
    ranks = [ranking.ranks[place] for place in order]
    if any(one == next_ for one, next_ in itertools.pairwise(ranks[:2] if top_1 else ranks)):
        raise ValueError(f"ties leave the order open: {list(ranking.ranks)}")
    return order


def _columns(values: Tensor, rewards: Tensor) -> Tensor:
    """Values [P], as [P, 1] where the rewards have heads."""
    return values if rewards.dim() == 1 else values.unsqueeze(1)
