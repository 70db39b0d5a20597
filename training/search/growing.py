"""One tree while it grows: says what to sample next, takes what was sampled, and records ends until it has enough.

The order of things is that of the released code (DeepSearch, algorithm 1 in the paper): expand; judge the children that
ended; record one of them and carry its value up; go on at the best node of the frontier, or, where none ended, at the
best child.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from training.config import SearchConfig
from training.sampling.types import Completion
from training.search import replay as log
from training.search.endings import Judged, by_confidence, choose_end, ends_there, reward_of
from training.search.replay import Replay
from training.search.selection import best_child, best_of_frontier, frontier, walk_down, width_at
from training.search.steps import StepRule
from training.search.tree import (
    EXPANDED,
    OPEN,
    RECORDED_CONFIDENT_WRONG,
    RECORDED_RIGHT,
    RECORDED_WRONG,
    RIGHT,
    ROOT,
    Tree,
)
from training.search.values import back_up


@dataclass(frozen=True, slots=True)
class Request:
    """What a tree wants sampled: `count` continuations of a node."""

    node: int
    count: int
    max_tokens: int
    stop_ids: tuple[int, ...]


@dataclass(slots=True)
class Recorded:
    """A recorded end."""

    end: int
    reward: float


class GrowingTree:
    """The search of one problem, until `wanted` ends are recorded or nothing is left to do."""

    def __init__(self, config: SearchConfig, rule: StepRule, wanted: int, stop_ids: Sequence[int], seed: int) -> None:
        self.tree = Tree()
        self.replay = Replay()
        self.recorded: list[Recorded] = []
        self.judged: dict[int, Judged] = {}
        self.tokens = 0
        self.expansions = 0
        self.prefix_tokens = 0
        self.prefix_recomputed = 0.0
        """This tree's part, by length, of what was computed again in the rounds it took part in."""
        self.seconds = 0.0
        self.exhausted = False
        self._config = config
        self._rule = rule
        self._wanted = wanted
        self._stop_ids = tuple(stop_ids)
        self._rng = random.Random(seed)
        self._direct = False
        self._done = False
        self._current = ROOT

    @property
    def is_done(self) -> bool:
        """Whether there is nothing more to sample."""
        return self._done

    def finish(self) -> None:
        """Ask for nothing more."""
        self._done = True

    @property
    def solved(self) -> bool:
        """Whether a right end was found, recorded or not."""
        return bool((self.tree.status == RIGHT).any())

    def request(self) -> Request:
        """What to sample next."""
        node, config = self._current, self._config
        depth, length = int(self.tree.depth[node]), int(self.tree.length[node])
        whole = self._direct or config.expansion == "lazy"
        if self._direct:
            count = self._wanted - len(self.recorded)
        elif config.expansion == "lazy":
            free = width_at(depth, config) - int(self.tree.children[node])
            count = min(free, config.lazy_branches if self.expansions else config.lazy_start)
            if config.record == "all":
                count = min(count, self._wanted - len(self.recorded))
        else:
            count = width_at(depth, config)
        stops = (*self._stop_ids, *self._rule.stops(depth, whole))
        return Request(node, count, self._rule.room(length, whole), stops)

    def attach(self, request: Request, completions: Sequence[Completion]) -> list[int]:
        """Grow by what was sampled; returns the nodes at which a response ended, to be judged."""
        tree, ended = self.tree, list[int]()
        born = len(self.replay)
        for completion in completions:
            node = request.node
            for step in self._rule.cut(completion, int(tree.depth[node])):
                if tree.status[node] == OPEN:
                    tree.close(node, EXPANDED)
                node = tree.add(node, step, born)
            self.tokens += len(completion.token_ids)
            if self._ends(node):
                ended.append(node)
            else:
                tree.visits[node] += 1
        self.expansions += 1
        kind = log.DIRECT if self._direct else log.EXPAND
        self._say(kind, request.node, len(completions))
        return ended

    def take(self, ended: Sequence[int], judged: Sequence[Judged]) -> None:
        """What the verifier said of the nodes that `attach` returned; decides where to go on."""
        for node, verdict in zip(ended, judged, strict=True):
            self.judged[node] = verdict
            self.tree.close(node, verdict.status)
        for node in ended:
            worth = reward_of(int(self.tree.status[node]), self._config) if self._is_told(node) else 0.0
            self._say(log.VERIFY, node, worth)
        told = [node for node in ended if self._is_told(node)]
        if told:
            self._record_of(told)
        if len(self.recorded) >= self._wanted:
            self._done = True
        elif self._direct:
            self._done = True  # sampled directly once: what is still missing will not come
        else:
            self._go_on(bool(told))

    def _is_told(self, end: int) -> bool:
        """Whether the verifier could tell what an end is; others are neither recorded nor backed up."""
        return self.judged[end].correct is not None

    def _ends(self, node: int) -> bool:
        tree, rule = self.tree, self._rule
        return (
            ends_there(tree.steps[node].token_ids, self._stop_ids)
            or tree.depth[node] >= rule.max_depth
            or tree.length[node] >= rule.max_tokens
        )

    def _record_of(self, ended: Sequence[int]) -> None:
        room = self._wanted - len(self.recorded)
        chosen = list(ended) if self._config.record == "all" or self._direct else [self._choose(ended)]
        if len(chosen) > room:
            chosen = by_confidence(self.tree, chosen)[:room]
        for end in chosen:
            self._record(end, log.BACKUP)

    def _choose(self, ended: Sequence[int]) -> int:
        return choose_end(self.tree, ended, self._config, self._rng)

    def _record(self, end: int, kind: int) -> None:
        status = int(self.tree.status[end])
        reward = reward_of(status, self._config)
        chosen = self._config.record == "one" and self._config.negative == "most_confident" and kind == log.BACKUP
        wrong = RECORDED_CONFIDENT_WRONG if chosen and not self._direct else RECORDED_WRONG
        self.tree.recorded[end] = RECORDED_RIGHT if status == RIGHT else wrong
        self.recorded.append(Recorded(end, reward))
        self._say(kind, end, reward, back_up(self.tree, end, reward, self._config))

    def _go_on(self, some_ended: bool) -> None:
        config, tree = self._config, self.tree
        if self.expansions >= config.max_expansions:
            self._finish()
            return
        if config.expansion == "full" and not some_ended and config.descent == "uct":
            found = best_child(tree, self._current, config, self._rng)
            if found:
                self._move(log.SELECT, *found)
                return
        if config.selection == "uct" and config.expansion == "full":
            walked = walk_down(tree, config, self._rng)
            if walked:
                self._move(log.SELECT, walked[0], walked[1], walked[2])
                return
        elif jump := best_of_frontier(tree, config, self._rng):
            self._move(log.JUMP, *jump)
            return
        self.exhausted = True
        self._finish()

    def _move(self, kind: int, node: int, score: float, changed: Sequence[int] = ()) -> None:
        self._current = node
        self._say(kind, node, score, changed)

    def _finish(self) -> None:
        """Nothing left to expand: record what is left over, then sample whole responses for what is still missing."""
        rule = self._config.exhausted
        if rule == "flush":
            left = [int(end) for end in self.tree.ends() if not self.tree.recorded[end] and self._is_told(int(end))]
            for end in by_confidence(self.tree, left)[: self._wanted - len(self.recorded)]:
                self._record(end, log.FLUSH)
        if rule == "stop" or len(self.recorded) >= self._wanted:
            self._done = True
            return
        self._direct = True
        self._current = ROOT

    def _say(self, kind: int, node: int, value: float, changed: Sequence[int] = ()) -> None:
        waiting = len(frontier(self.tree, self._config))
        self.replay.add(self.tree, kind, node, value, waiting, self.tokens, changed)
