"""Every static file that a page names is there, and no page names anything elsewhere."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = {path: path.read_text() for path in sorted((ROOT / "templates").rglob("*.html"))}
SCRIPTS = {path: path.read_text() for path in sorted((ROOT / "webapp" / "static" / "js").rglob("*.js"))}
STYLES = {path: path.read_text() for path in sorted((ROOT / "webapp" / "static" / "css").glob("*.css"))}


def matches(pattern: str, files: dict[Path, str]) -> list[tuple[Path, str]]:
    """Every match (its group, where the pattern has one) with the file that it stands in."""
    return [(path, found) for path, text in files.items() for found in re.findall(pattern, text)]


def test_templates_name_only_static_files_that_exist() -> None:
    named = matches(r"""{%\s*static\s+["']([^"']+)["']""", TEMPLATES)
    assert named
    assert [(path, name) for path, name in named if not finders.find(name)] == []


def test_scripts_import_only_modules_that_exist() -> None:
    named = matches(r"""(?:from|import)\s+["'](\.[^"']+)["']""", SCRIPTS)
    assert named
    assert [(path, name) for path, name in named if not (path.parent / name).resolve().is_file()] == []


@pytest.mark.parametrize("files", [TEMPLATES, SCRIPTS, STYLES], ids=["templates", "scripts", "styles"])
def test_nothing_is_fetched_from_another_origin(files: dict[Path, str]) -> None:
    fetch = (
        r"""(?:src|href|action|hx-get|hx-post)\s*=\s*["']?(?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import|"""
        r"""(?:fetch|import)\(\s*["'](?:https?:)?//"""
    )
    assert files
    assert matches(fetch, files) == []


def test_templates_hold_no_inline_script() -> None:
    tags = matches(r"<script\b[^>]*>", TEMPLATES)
    assert tags
    assert [(path, tag) for path, tag in tags if "src=" not in tag and "json" not in tag] == []
    assert matches(r"""\son[a-z]+\s*=\s*["']""", TEMPLATES) == [], "an inline handler would be blocked"
