"""What searches at test time cost: an answer's length says nothing of it, since a tree samples more than it records."""

from collections.abc import Iterable

from django.db.models import Avg

from webapp.evals.models import Evaluation
from webapp.inspection.models import Split
from webapp.search.models import SearchTree


def searched_tokens(evaluations: Iterable[Evaluation]) -> dict[int, float]:
    """Tokens sampled for a tree on average, by evaluation; those without trees are left out. One query, or none."""
    runs = {each.run_id: each.pk for each in evaluations if each.searches}
    if not runs:
        return {}
    trees = SearchTree.objects.order_by().filter(run__in=runs, split=Split.HELDOUT)
    return {runs[run]: mean for run, mean in trees.values_list("run").annotate(mean=Avg("tokens"))}
