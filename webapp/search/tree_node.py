"""One node of a search at a moment of its replay: text, figures, why it was chosen or not, and what came of it."""

from dataclasses import dataclass

from django.http import Http404
from pydantic import ValidationError

from training.config import SearchConfig
from training.events import NODE_STATUSES, RECORDED
from webapp.inspection.models import Rollout
from webapp.search.models import SearchBody, SearchNode, SearchNodeText, SearchTree, VerifiedSolution
from webapp.search.tree_page import RECORDED_WORDS
from webapp.search.tree_replay import EXPANDED, OPEN, RIGHT, VERIFY, Replay, read_replay
from webapp.search.tree_terms import Candidate, FrontierScore, Uct, frontier_score, mean_value
from webapp.search.tree_tokens import Token, read_tokens

MOST_CHILDREN = 24

STATUS_SIGNS = {"open": "○", "expanded": "●", "right": "✓", "wrong": "✕", "incomplete": "?"}
STATUS_TONES = {"open": "", "expanded": "", "right": "good", "wrong": "bad", "incomplete": "warn"}


@dataclass(frozen=True, slots=True)
class Moment:
    """A node's values after an event."""

    node: SearchNode
    q: float
    visits: int

    @property
    def quality(self) -> float:
        return mean_value(self.q, self.visits)

    @property
    def sign(self) -> str:
        return STATUS_SIGNS[NODE_STATUSES[self.node.status]]


@dataclass(frozen=True, slots=True)
class NodePanel:
    """Everything the panel of a node shows."""

    tree: SearchTree
    moment: Moment
    parent: Moment | None
    children: list[Moment]
    """The first `MOST_CHILDREN` that are born."""
    child_count: int
    event: int | None
    """None where no replay was kept: the values are those of the end."""
    last_event: int | None
    is_born: bool
    verified_at: int | None
    status: str
    """At the event."""
    text: str
    tokens: list[Token]
    uct: Uct | None
    frontier: FrontierScore | None
    """None where a node cannot be expanded."""
    rollouts: list[tuple[int, Rollout]]
    """Ends of the recorded trajectories through the node, and their rollouts."""
    solution: VerifiedSolution | None

    @property
    def node(self) -> SearchNode:
        return self.moment.node

    @property
    def sign(self) -> str:
        return STATUS_SIGNS[self.status]

    @property
    def tone(self) -> str:
        return STATUS_TONES[self.status]

    @property
    def recorded(self) -> str:
        return RECORDED_WORDS[RECORDED[self.node.recorded]] if self.node.recorded else ""


def read_node(tree: SearchTree, number: int, event: int | None) -> NodePanel:
    """The panel of a node after an event, or at the end. Raises Http404 where there is no such node."""
    node = SearchNode.objects.filter(tree=tree, number=number).first()
    if node is None:
        raise Http404("no such node")
    body = SearchBody.objects.filter(tree=tree).first()
    replay = read_replay(body)
    at = replay.at(event) if replay else None
    around = list(SearchNode.objects.filter(tree=tree, parent=number).order_by("number"))
    born = [child for child in around if at is None or child.born <= at]
    above = SearchNode.objects.filter(tree=tree, number=node.parent).first() if node.parent >= 0 else None
    moment, parent = _moment(node, replay, at), _moment(above, replay, at) if above else None
    step = SearchNodeText.objects.filter(tree=tree, number=number).first()
    config = _config(body)
    return NodePanel(
        tree=tree,
        moment=moment,
        parent=parent,
        children=[_moment(child, replay, at) for child in born[:MOST_CHILDREN]],
        child_count=len(born),
        event=at,
        last_event=replay.last if replay else None,
        is_born=at is None or node.born <= at,
        verified_at=replay.event_of(VERIFY, number) if replay else None,
        status=_status_at(node, replay, at, bool(born)),
        text=step.text if step else "",
        tokens=read_tokens(tree, step),
        uct=Uct(moment.quality, config.exploration, moment.visits, parent.visits) if parent else None,
        frontier=_frontier(moment, parent, born, config),
        rollouts=_rollouts(tree, node, body),
        solution=VerifiedSolution.objects.filter(tree=tree, node=number).first(),
    )


def _config(body: SearchBody | None) -> SearchConfig:
    """The knobs the search grew by; the defaults where a later version knows them no more."""
    try:
        return SearchConfig.model_validate(body.search if body else {})
    except ValidationError:
        return SearchConfig()


def _moment(node: SearchNode, replay: Replay | None, at: int | None) -> Moment:
    if replay is None or at is None:
        return Moment(node, node.q, node.visits)
    return Moment(node, *replay.values(node, at))


def _status_at(node: SearchNode, replay: Replay | None, at: int | None, has_children: bool) -> str:
    status = node.status
    if replay is not None and at is not None:
        if status == EXPANDED and not has_children:
            status = OPEN
        judged = replay.event_of(VERIFY, node.number) if status >= RIGHT else None
        if judged is not None and judged > at:
            status = OPEN
    return NODE_STATUSES[status]


def _frontier(
    moment: Moment, parent: Moment | None, children: list[SearchNode], config: SearchConfig
) -> FrontierScore | None:
    """The score a node has, or had, in the frontier. Lazily that of the child it would get."""
    node = moment.node
    if node.status >= RIGHT or node.depth >= config.max_depth:
        return None
    if config.expansion == "lazy":
        drawn = [child.surprise or 0.0 for child in children]
        surprise = sum(drawn) / len(drawn) if drawn else 0.0
        return frontier_score(Candidate(moment.quality, surprise, node.depth + 1, moment.quality), config)
    if parent is None:
        return None
    return frontier_score(Candidate(parent.quality, node.surprise or 0.0, node.depth, moment.quality), config)


def _rollouts(tree: SearchTree, node: SearchNode, body: SearchBody | None) -> list[tuple[int, Rollout]]:
    if body is None or tree.group_id is None or not node.trajectories:
        return []
    rows_in_order = SearchNode.objects.filter(tree=tree).order_by("number")
    parents = list(rows_in_order.values_list("parent", flat=True))
    on_path = [each for each in body.trajectories if _is_on(parents, each["leaf"], node.number)]
    through = {each["rollout"]: each["leaf"] for each in on_path}
    rows = Rollout.objects.filter(group=tree.group_id, greedy=False, index__in=through).order_by("index")
    return [(through[row.index], row) for row in rows]


def _is_on(parents: list[int], leaf: int, number: int) -> bool:
    """Whether a node lies on the path to a leaf. Parents have lower numbers than their children."""
    while leaf > number and leaf < len(parents):
        leaf = parents[leaf]
    return leaf == number
