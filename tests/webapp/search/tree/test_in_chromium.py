"""The viewer in a real browser: keyboard, search, colours, replay, panel, rollout and back, table, axe, narrow."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, WIDEST, accessible, page_of
from tests.factories import make_run
from tests.made_trees import made_tree, store_made_tree
from tests.webapp.search.tree.real_trees import REAL_CONFIGS, store_real_tree
from webapp.search.models import SearchNode

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

VIEWER = "document.querySelector('search-tree')"
TEXT = "Hence 2+2=4\u202e <b>so</b>"


@dataclass(frozen=True)
class Story:
    """What the tests look at. Read before the browser starts: with it, this thread has no database to share."""

    tree: int
    other: int
    figures: int
    real: list[int]
    """Trees that the search itself grew, in different ways."""
    nodes: int
    right_ends: list[int]
    """Numbers of all verified right ends."""
    recorded: int
    rollout: int
    """Of the node ``recorded``."""
    first_solved: int
    stored: list[tuple[float, int]]
    """q and N of every node."""


@pytest.fixture
def story(transactional_db: None) -> Story:
    run = make_run()
    record = made_tree(nodes=400, seed=3, problem_id="p1")
    record.texts[5] = TEXT
    tree = store_made_tree(run, record)
    other = store_made_tree(run, made_tree(nodes=200, seed=3, step=2, problem_id="p1"))
    figures = store_made_tree(run, made_tree(step=3, stored=False))
    real = [store_real_tree(make_run(f"real {n}"), **config).pk for n, config in enumerate(REAL_CONFIGS)]
    nodes = list(SearchNode.objects.filter(tree=tree).order_by("number"))
    recorded = next(each for each in record.trajectories if nodes[each.leaf].recorded == 1)
    assert tree.group is not None
    assert tree.first_solved is not None
    return Story(
        tree.pk, other.pk, figures.pk, real, tree.nodes,
        [node.number for node in nodes if node.status == 2], recorded.leaf,
        tree.group.rollouts.get(index=recorded.rollout).pk, tree.first_solved, [(n.q, n.visits) for n in nodes],
    )  # fmt: skip


@pytest.fixture
def page(browser: Browser, story: Story, live_server: LiveServer, researcher_client: Client) -> Iterator[Page]:
    with page_of(researcher_client, browser, live_server.url) as page:
        yield page


def opened(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("search-tree").first).not_to_have_attribute("aria-busy", "true")


def selected(page: Page) -> int:
    return int(page.evaluate(f"{VIEWER}.selected"))


def test_a_tree_is_walked_by_keyboard_and_has_an_address(page: Page, story: Story) -> None:
    opened(page, f"/trees/{story.tree}/")
    page.locator("[data-stage]").focus()
    page.keyboard.press("ArrowRight")
    assert selected(page) == 0
    page.keyboard.press("ArrowRight")
    child = selected(page)
    assert child > 0
    page.keyboard.press("ArrowDown")
    sibling = selected(page)
    assert sibling > child
    page.keyboard.press("ArrowUp")
    assert selected(page) == child
    expect(page.locator("[data-panel] h2")).to_have_text(f"Node {child}")
    expect(page).to_have_url(re.compile(rf"node={child}$"))
    expect(page.locator("[data-trail] [aria-current]")).to_have_attribute("data-node", str(child))
    page.keyboard.press("ArrowLeft")
    assert selected(page) == 0
    page.keyboard.press("Space")
    expect(page).to_have_url(re.compile("closed=0"))
    page.keyboard.press("Space")
    page.keyboard.press("p")
    assert selected(page) == page.evaluate(f"{VIEWER}.replay.best")
    page.keyboard.press("Enter")
    expect(page.locator("[data-panel]")).to_be_focused()
    expect(page.locator("[data-panel]")).to_contain_text("recorded as right")
    page.keyboard.press("Escape")
    expect(page.locator("[data-stage]")).to_be_focused()
    accessible(page)


def test_verified_ends_and_found_steps_are_visited_in_turn(page: Page, story: Story) -> None:
    opened(page, f"/trees/{story.tree}/")
    visited = []
    for _ in range(3):
        page.keyboard.press("n")
        visited.append(selected(page))
    assert visited == story.right_ends[:3]
    page.keyboard.press("N")
    assert selected(page) == story.right_ends[1]
    page.keyboard.press("/")
    page.keyboard.type("hence 2+2")
    page.keyboard.press("Enter")
    expect(page.locator("[data-found]")).to_have_text("1 node")
    assert selected(page) == 5
    expect(page.locator("[data-panel] .node-text")).to_have_text("Hence 2+2=4⟦202E⟧ <b>so</b>")


def test_the_view_stands_in_the_address_and_back_undoes_it(page: Page, story: Story) -> None:
    opened(page, f"/trees/{story.tree}/")
    page.locator("[data-colour]").select_option("verifier")
    expect(page.locator("[data-legend]")).to_contain_text("incomplete")
    expect(page).to_have_url(re.compile("colour=verifier"))
    page.get_by_role("button", name="Icicle").click()
    expect(page).to_have_url(re.compile("view=icicle"))
    page.get_by_role("button", name="Table").click()
    expect(page.locator("[role=treegrid]")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("button", name="Icicle")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    expect(page.get_by_role("button", name="Tree", exact=True)).to_have_attribute("aria-pressed", "true")
    page.go_back()
    expect(page.locator("[data-colour]")).to_have_value("quality")
    opened(page, f"/trees/{story.tree}/?node={story.recorded}&colour=visits&event=12")
    expect(page.locator("[data-colour]")).to_have_value("visits")
    expect(page.locator("[data-event]")).to_contain_text("12 /")
    assert selected(page) == story.recorded


def test_every_event_can_be_replayed_and_the_last_is_what_is_stored(page: Page, story: Story) -> None:
    opened(page, f"/trees/{story.tree}/")
    read = f"(() => {{ const r = {VIEWER}.replay; return [...r.q].map((q, i) => [q, r.visits[i]]); }})()"
    assert page.evaluate(read) == [[pytest.approx(q, abs=1e-4), visits] for q, visits in story.stored]
    forwards = page.evaluate(
        f"(() => {{ const r = {VIEWER}.replay; r.go(0); const seen = [];"
        "for (let k = 0; k <= r.last; k++) { r.go(k); seen.push([...r.q].join()); } return seen; })()"
    )
    backwards = page.evaluate(
        f"(() => {{ const r = {VIEWER}.replay; const seen = [];"
        "for (let k = r.last; k >= 0; k--) { r.go(k); seen.unshift([...r.q].join()); } r.go(r.last); return seen; })()"
    )
    assert forwards == backwards
    assert page.evaluate(read) == [[pytest.approx(q, abs=1e-4), visits] for q, visits in story.stored]


def test_what_is_told_of_a_real_search_agrees_with_what_it_recorded(page: Page, story: Story) -> None:
    for tree in story.real:
        opened(page, f"/trees/{tree}/")
        told = page.evaluate(
            f"(() => {{ const v = {VIEWER}, said = [], told = document.querySelector('[data-told]');"
            "for (let k = 0; k <= v.replay.last; k++) { v.go(k); said.push(told.textContent); } return said; })()"
        )
        assert any(re.match(r"(jump|select)", each) for each in told) or len(told) < 12
        assert [each for each in told if "recorded was" in each] == []


def test_the_replay_is_played_stepped_and_sent_to_the_first_solved_end(page: Page, story: Story) -> None:
    opened(page, f"/trees/{story.tree}/")
    page.keyboard.press("s")
    told = page.locator("[data-told]")
    expect(told).to_have_text(re.compile(r"verify node \d+: right \(\+1\)"))
    expect(page.locator("[data-event]")).to_contain_text(f"{story.first_solved} /")
    expect(page).to_have_url(re.compile(f"event={story.first_solved}"))
    expect(page.locator("[data-panel]")).to_contain_text(f"at event {story.first_solved}")
    page.keyboard.press(".")
    expect(told).to_have_text(re.compile(r"(verify|backup|jump|expand)"))
    page.keyboard.press(",")
    page.keyboard.press(",")
    expect(page.locator("[data-event]")).to_contain_text(f"{story.first_solved - 1} /")
    page.locator("[data-speed]").select_option("256")
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="▶ Play")).to_be_visible(timeout=20_000)
    last = page.evaluate(f"{VIEWER}.replay.last")
    expect(page.locator("[data-event]")).to_have_text(f"{last} / {last}")
    page.keyboard.press("b")
    expect(told).to_have_text(re.compile(r"backup .1 along \d+ nodes"))
    page.locator("[data-scrub]").fill("0")
    expect(told).to_have_text(re.compile(r"jump to node 0: 0.4·tanh\(0\)"))
    accessible(page)


def test_a_node_leads_to_its_rollout_and_back(page: Page, story: Story) -> None:
    opened(page, f"/trees/{story.tree}/")
    page.evaluate(f"{VIEWER}.select({story.recorded}, {{ move: true }})")
    expect(page).to_have_url(re.compile(f"node={story.recorded}"))
    page.keyboard.press("r")
    page.wait_for_url(re.compile(f"/rollouts/{story.rollout}/"))
    page.go_back()
    expect(page.locator("[data-panel] h2")).to_have_text(f"Node {story.recorded}")
    page.locator("[data-panel] a[data-node]").first.click()
    assert selected(page) != story.recorded
    page.locator("[data-panel] [data-node]").first.wait_for()


def test_stubs_open_on_a_click_and_everything_can_be_shown(page: Page, story: Story) -> None:
    opened(page, f"/trees/{story.tree}/")
    levels = f"{VIEWER}.stage.scene.layout.levels"
    count = f"{levels}.reduce((sum, level) => sum + [...level.ids].filter((id) => id >= 0).length, 0)"
    before = page.evaluate(count)
    assert 8 < before < story.nodes
    place = page.evaluate(
        f"(() => {{ const s = {VIEWER}.stage, l = s.scene.layout, id = -1 - [...l.stubs.keys()][0], p = l.find(id);"
        "s.centre(p.depth, l.levels[p.depth].at[p.item]); s.draw();"
        "return s.camera.point(p.depth, l.levels[p.depth].at[p.item]); })()"
    )
    box = page.locator("[data-canvas]").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + place[0] + 4, box["y"] + place[1])
    expect(page).to_have_url(re.compile("open="))
    after = page.evaluate(f"{VIEWER}.stage.draw(), {count}")
    assert before < after < story.nodes
    page.keyboard.press("e")
    assert page.evaluate(f"{VIEWER}.stage.draw(), {count}") == story.nodes
    expect(page).to_have_url(re.compile("all=1"))


def test_nodes_are_picked_by_the_mouse_and_the_view_is_dragged_and_zoomed(page: Page, story: Story) -> None:
    opened(page, f"/trees/{story.tree}/")
    box = page.locator("[data-canvas]").bounding_box()
    assert box is not None
    for view, node in (("tree", 5), ("icicle", story.recorded)):
        page.evaluate(f"{VIEWER}.setView('{view}')")
        x, y = page.evaluate(
            f"(() => {{ const s = {VIEWER}.stage; s.update();"
            f"const p = s.scene.layout.find({node}), at = s.scene.layout.levels[p.depth].at[p.item];"
            "s.centre(p.depth, at); s.draw(); return s.camera.point(p.depth + (s.camera.upright ? 0.5 : 0), at); })()"
        )
        page.mouse.click(box["x"] + x, box["y"] + y)
        assert selected(page) == node, view
        page.mouse.move(box["x"] + x, box["y"] + y)
        expect(page.locator("[data-tip]")).to_contain_text(f"node {node}")
    page.get_by_role("button", name="Tree", exact=True).click()
    scale = page.evaluate(f"{VIEWER}.stage.camera.across.scale")
    page.mouse.move(box["x"] + 300, box["y"] + 200)
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"{VIEWER}.stage.camera.across.scale > {scale}")
    origin = page.evaluate(f"{VIEWER}.stage.camera.across.origin")
    page.mouse.down()
    page.mouse.move(box["x"] + 320, box["y"] + 260, steps=4)
    page.mouse.up()
    assert page.evaluate(f"{VIEWER}.stage.camera.across.origin") == pytest.approx(origin + 60, abs=2)


def test_the_table_is_a_tree_for_keyboards(page: Page, story: Story) -> None:
    opened(page, f"/trees/{story.tree}/?view=table")
    rows = page.locator("[role=treegrid] tbody tr")
    expect(rows.first).to_have_attribute("aria-expanded", "true")
    before = rows.count()
    rows.first.focus()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    assert selected(page) == int(rows.nth(1).get_attribute("data-node") or 0)
    closed = page.locator("tr[aria-expanded=false]").first
    node = closed.get_attribute("data-node")
    closed.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(f"tr[data-node='{node}']")).to_have_attribute("aria-expanded", "true")
    assert rows.count() > before
    page.keyboard.press("ArrowRight")
    assert selected(page) != int(node or 0)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(rows).to_have_count(before)
    page.get_by_role("button", name="Surprise").click()
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Surprise")
    kids = page.locator("tr[aria-level='2'] td:nth-child(7)").all_inner_texts()
    assert [float(each) for each in kids] == sorted((float(each) for each in kids), reverse=True)
    accessible(page)


def test_what_is_in_view_is_saved_as_files(page: Page, story: Story) -> None:
    opened(page, f"/trees/{story.tree}/?node=5")
    for kind, name in (("SVG", ".svg"), ("PNG", ".png"), ("JSON", "-visible.json")):
        page.locator(".tree-bar summary").click()
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Visible part as {kind}").click()
        assert download.value.suggested_filename == f"tree-{story.tree}{name}"
        content = download.value.path().read_bytes()
        if kind == "SVG":
            assert content.startswith(b"<svg")
            assert b"<b>so" not in content
        elif kind == "PNG":
            assert content.startswith(b"\x89PNG")
        else:
            assert any(node["node"] == 5 for node in json.loads(content)["nodes"])
        page.keyboard.press("Escape")


def test_two_trees_are_replayed_together(page: Page, story: Story) -> None:
    page.goto(f"/trees/compare/?a={story.tree}&b={story.other}")
    shared = page.locator("[data-shared]").first
    expect(shared).to_have_text(re.compile(r"\d+ nodes? shared \(ringed\), \d+ only here"))
    assert "Shared; 1 child only there." in page.evaluate(f"{VIEWER}.tell(0)")
    assert page.evaluate(f"{VIEWER}.tell({story.nodes - 1})").endswith("Only here.")
    scrubs = page.locator("[data-scrub]")
    scrubs.first.fill("0")
    expect(scrubs.nth(1)).to_have_value("0")
    half = page.evaluate(f"Math.round({VIEWER}.replay.last / 2)")
    scrubs.first.fill(str(half))
    last = page.evaluate("document.querySelectorAll('search-tree')[1].replay.last")
    assert abs(int(scrubs.nth(1).input_value()) - last / 2) <= 1
    page.locator("[data-sync]").select_option("tokens")
    scrubs.first.fill(str(half + 4))
    tokens = page.evaluate(
        "[...document.querySelectorAll('search-tree')].map((v) => v.replay.columns.tokens[v.replay.at])"
    )
    assert tokens[1] <= tokens[0]
    accessible(page)


def test_other_trees_are_offered_for_comparison(page: Page, story: Story) -> None:
    opened(page, f"/trees/{story.tree}/")
    page.get_by_text("Compare with ▾").click()
    page.get_by_role("link", name=re.compile("step 2")).click()
    page.wait_for_url(re.compile(rf"/trees/compare/\?a={story.tree}&b={story.other}"))


def test_every_page_fits_a_narrow_dark_screen(page: Page, story: Story) -> None:
    page.set_viewport_size(NARROW)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    addresses = (
        f"/trees/{story.tree}/", f"/trees/{story.tree}/?node={story.recorded}&view=icicle",
        f"/trees/{story.tree}/?view=table&node=5", f"/trees/compare/?a={story.tree}&b={story.other}",
    )  # fmt: skip
    for address in addresses:
        page.goto("about:blank")
        opened(page, address)
        page.wait_for_timeout(400)
        assert page.evaluate(WIDEST) <= NARROW["width"], address
        accessible(page)
    page.goto(f"/trees/{story.figures}/")
    assert page.evaluate(WIDEST) <= NARROW["width"]
    accessible(page)
