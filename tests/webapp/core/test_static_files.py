"""Every static file that a page names is there, and no page names anything elsewhere."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "webapp" / "static" / "js").rglob("*.js"))
STYLES = sorted((ROOT / "webapp" / "static" / "css").glob("*.css"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_names_only_static_files_that_exist(template: Path) -> None:
    for name in re.findall(r"""{%\s*static\s+["']([^"']+)["']""", template.read_text()):
        assert finders.find(name), f"{name} is missing"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_imports_only_modules_that_exist(script: Path) -> None:
    for name in re.findall(r"""(?:from|import)\s+["'](\.[^"']+)["']""", script.read_text()):
        assert (script.parent / name).resolve().is_file(), f"{name} is missing"


@pytest.mark.parametrize("file", [*TEMPLATES, *SCRIPTS, *STYLES], ids=lambda path: path.name)
def test_nothing_is_fetched_from_another_origin(file: Path) -> None:
    fetched = re.findall(
        r"""(?:src|href|action|hx-get|hx-post)\s*=\s*["']?(?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import|"""
        r"""(?:fetch|import)\(\s*["'](?:https?:)?//""",
        file.read_text(),
    )
    assert not fetched


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_holds_no_inline_script(template: Path) -> None:
    text = template.read_text()
    scripts = [tag for tag in re.findall(r"<script\b[^>]*>", text) if "src=" not in tag and "json" not in tag]
    assert not scripts
    assert not re.search(r"""\son[a-z]+\s*=\s*["']""", text), "an inline handler would be blocked"
