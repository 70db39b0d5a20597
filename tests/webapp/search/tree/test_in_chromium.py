"""The viewer in a real browser: keyboard, search, colours, panel, rollout and back, mouse, table, axe, narrow."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.chromium import NARROW, accessible, fits
from tests.webapp.search.tree.viewer import VIEWER, Story, opened, selected

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


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
    page.wait_for_function(f"() => {VIEWER}.stage.camera.across.scale > {scale}")
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
        fits(page)
        accessible(page)
    page.goto(f"/trees/{story.figures}/")
    fits(page)
    accessible(page)
