"""Trees in the database, and a browser's page, for tests of the viewer."""

from collections.abc import Iterator

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from tests.chromium import page_of
from tests.factories import make_run
from tests.made_trees import made_tree, store_made_tree
from tests.webapp.search.tree.real_trees import REAL_CONFIGS, store_real_tree
from tests.webapp.search.tree.viewer import Story
from webapp.search.models import SearchNode

TEXT = "Hence 2+2=4\u202e <b>so</b>"


@pytest.fixture
def story(transactional_db: None) -> Story:
    run = make_run()
    record = made_tree(nodes=400, seed=3, problem_id="p1")
    record.texts[5] = TEXT
    tree = store_made_tree(run, record)
    other = store_made_tree(run, made_tree(nodes=200, seed=3, step=2, problem_id="p1"))
    figures = store_made_tree(run, made_tree(step=3, stored=False))
    nodes = list(SearchNode.objects.filter(tree=tree).order_by("number"))
    recorded = next(each for each in record.trajectories if nodes[each.leaf].recorded == 1)
    assert tree.group is not None
    assert tree.first_solved is not None
    return Story(
        tree.pk, other.pk, figures.pk, tree.nodes,
        [node.number for node in nodes if node.status == 2], recorded.leaf,
        tree.group.rollouts.get(index=recorded.rollout).pk, tree.first_solved, [(n.q, n.visits) for n in nodes],
    )  # fmt: skip


@pytest.fixture
def real_trees(transactional_db: None) -> list[int]:
    """Trees that the search itself grew, in different ways."""
    return [store_real_tree(make_run(f"real {n}"), **config).pk for n, config in enumerate(REAL_CONFIGS)]


@pytest.fixture
def page(browser: Browser, story: Story, live_server: LiveServer, researcher_client: Client) -> Iterator[Page]:
    with page_of(researcher_client, browser, live_server.url) as page:
        yield page
