"""The page of a search as JSON."""

from typing import Any

from django.urls import reverse

from webapp.search.tree_page import TreePage
from webapp.search.tree_payload import figures_of


def page_twin(page: TreePage) -> dict[str, Any]:
    """Figures, configs and recorded trajectories, and where all nodes are."""
    tree = page.tree
    return figures_of(tree) | {
        "problem": {"id": tree.prompt.problem_id, "prompt": tree.prompt.text, "answer": tree.prompt.answer},
        "search": page.body.search if page.body else {},
        "credit": page.body.credit if page.body else {},
        "trajectories": [
            {"leaf": each.leaf, "rollout": each.rollout.pk if each.rollout else None, "recorded": each.as_what}
            for each in page.trajectories
        ],
        "previous": page.previous,
        "next": page.next,
        "export": reverse("search:tree_export", args=[tree.pk]) if tree.stored else None,
    }
