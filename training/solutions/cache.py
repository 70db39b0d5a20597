"""The cache of verified solutions as a run sees it: what it may use, what it has found, and when finds may be used."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from training.config import SolutionCacheConfig
from training.solutions.keys import solution_key


@dataclass(frozen=True, slots=True)
class Solution:
    """A right response, with the end token; log-probs are those of the policy that sampled it, [T]."""

    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    verifier: str

    @property
    def key(self) -> str:
        return solution_key(self.text)


@dataclass(slots=True)
class PhaseCount:
    """Rollouts of one problem since the phase began, and the right ones among them."""

    right: int = 0
    total: int = 0


class SolutionCache:
    """Solutions by problem key.

    What was found waits until the fill rule lets it in: `at_once`; or at the end of a phase, for problems that were
    solved in a small share of its rollouts (`rare`, as released), or that are still hard (`phase`, eq. 10).
    """

    def __init__(self, config: SolutionCacheConfig) -> None:
        self._config = config
        self._usable: dict[str, dict[str, Solution]] = {}
        self._waiting: dict[str, dict[str, Solution]] = {}
        self._counts: dict[str, PhaseCount] = {}
        self._invalid: set[tuple[str, str]] = set()
        self._withdrawn: dict[tuple[str, str], tuple[bool, Solution]] = {}
        """Invalid ones that were usable (True) or waited, should they be reinstated."""

    def __len__(self) -> int:
        """Problems with a usable solution."""
        return len(self._usable)

    def of(self, problem: str) -> list[Solution]:
        """Usable solutions of a problem, the preferred ones first."""
        return self._ranked(self._usable.get(problem, {}))

    def holds(self, problem: str, key: str) -> bool:
        """Whether this solution is usable, or waits to be."""
        return any(key in store.get(problem, {}) for store in (self._usable, self._waiting))

    def admit(self, problem: str, solution: Solution) -> None:
        """Take in a solution to be used, unless it was declared invalid or better ones are there."""
        if (problem, solution.key) in self._invalid:
            return
        self._store(self._usable, problem, solution)

    def learn(self, problem: str, solution: Solution) -> None:
        """A find of another run: usable by the same rule as one's own."""
        if (problem, solution.key) not in self._invalid:
            self._keep(problem, solution)

    def invalidate(self, problem: str, key: str) -> None:
        """Never use this solution again."""
        self._invalid.add((problem, key))
        for store in (self._waiting, self._usable):
            if (solution := store.get(problem, {}).pop(key, None)) is not None:
                self._withdrawn[problem, key] = store is self._usable, solution
            if not store.get(problem, True):
                del store[problem]

    def reinstate(self, problem: str, key: str) -> None:
        """An invalidation was taken back: what the cache held is where it was."""
        self._invalid.discard((problem, key))
        if (found := self._withdrawn.pop((problem, key), None)) is not None:
            usable, solution = found
            self._store(self._usable if usable else self._waiting, problem, solution)

    def note(self, problem: str, outcomes: Sequence[bool], found: Iterable[Solution]) -> None:
        """What a step saw of a problem: whether each fresh rollout was right, and the solutions among them."""
        count = self._counts.setdefault(problem, PhaseCount())
        count.right += sum(outcomes)
        count.total += len(outcomes)
        for solution in found:
            self._keep(problem, solution)

    def end_phase(self, still_hard: set[str] | None) -> int:
        """Let in what the rule allows and begin a new phase; returns how many problems got solutions.

        `still_hard` are the problems that direct sampling seldom solves, where that was measured.
        """
        filled = 0
        for problem in [problem for problem in self._waiting if self._is_settled(problem)]:
            solutions = self._waiting.pop(problem)
            if self._may_fill(problem, still_hard):
                filled += 1
                for solution in solutions.values():
                    self.admit(problem, solution)
        self._counts.clear()
        return filled

    def state_dict(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        stores = {"usable": self._usable, "waiting": self._waiting}
        return {
            name: {problem: [asdict(s) for s in found.values()] for problem, found in store.items()}
            for name, store in stores.items()
        } | {
            "counts": {problem: (count.right, count.total) for problem, count in self._counts.items()},
            "invalid": sorted(self._invalid),
            "withdrawn": [(*name, usable, asdict(found)) for name, (usable, found) in self._withdrawn.items()],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What `state_dict` gave."""
        self._usable, self._waiting = (
            {
                problem: {s.key: s for s in (Solution(**values) for values in found)}
                for problem, found in state[name].items()
            }
            for name in ("usable", "waiting")
        )
        self._counts = {problem: PhaseCount(*count) for problem, count in state["counts"].items()}
        self._invalid = {(problem, key) for problem, key in state["invalid"]}
        withdrawn = state.get("withdrawn", [])  # checkpoints of earlier versions have none
        self._withdrawn = {(problem, key): (usable, Solution(**values)) for problem, key, usable, values in withdrawn}

    def _keep(self, problem: str, solution: Solution) -> None:
        if self._config.fill == "at_once":
            self.admit(problem, solution)
            return
        self._store(self._waiting, problem, solution)

    def _store(self, store: dict[str, dict[str, Solution]], problem: str, solution: Solution) -> None:
        """Put it last, as the newest, and let go of what is preferred least."""
        found = store.setdefault(problem, {})
        found.pop(solution.key, None)
        found[solution.key] = solution
        for extra in self._ranked(found)[self._config.per_problem :]:
            del found[extra.key]

    def _ranked(self, found: dict[str, Solution]) -> list[Solution]:
        """Newest first, or shortest first; of equally short ones the order is that of their keys."""
        if self._config.prefer == "newest":
            return list(reversed(found.values()))
        return sorted(found.values(), key=lambda solution: (len(solution.token_ids), solution.key))

    def _is_settled(self, problem: str) -> bool:
        """Whether this phase has seen enough of a problem to decide; what other runs found may have to wait."""
        return self._config.fill == "phase" or problem in self._counts

    def _may_fill(self, problem: str, still_hard: set[str] | None) -> bool:
        if self._config.fill == "phase":
            return still_hard is None or problem in still_hard
        return rarely_solved(self._counts[problem].right, self._counts[problem].total, self._config.rare_share)


def rarely_solved(right: int, total: int, most: float) -> bool:
    """Whether a problem was solved at all, and in at most this share of its rollouts (the released rule)."""
    return total > 0 and 0 < right <= most * total + 1e-9
