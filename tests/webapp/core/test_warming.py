"""What a web server loads before it takes requests."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.template.utils import EngineHandler

from webapp import serving
from webapp.core import warming


def test_every_template_is_compiled_and_a_faulty_one_keeps_no_server_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "fine.html").write_text("{{ name }}")
    (tmp_path / "part" / "faulty.html").write_text("{% if %}")
    handler = EngineHandler([
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [tmp_path],
            "OPTIONS": {"debug": False},
        }
    ])  # fmt: skip
    asked: list[str] = []
    monkeypatch.setattr(warming, "engines", handler)
    monkeypatch.setattr(warming, "reverse", asked.append)
    warming.warm_up()
    assert asked == ["home"], "to find one address, all views are loaded"
    [loader] = handler["django"].engine.template_loaders
    assert [key for key in loader.get_template_cache if key.endswith("fine.html")]
    [said] = caplog.messages
    assert "part/faulty.html does not compile" in said


def test_the_counters_folder_is_known_before_the_application_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    monkeypatch.setattr(serving, "gc", SimpleNamespace(collect=lambda: None, freeze=lambda: None))
    monkeypatch.setattr(warming, "warm_up", lambda: order.append("warm"))
    order: list[Any] = []

    def load() -> None:
        order.append(Path(serving.os.environ["PROMETHEUS_MULTIPROC_DIR"]).is_dir())

    serving.on_starting(SimpleNamespace(app=SimpleNamespace(wsgi=load)))
    [folder] = serving._made
    assert order == [True, "warm"]
    serving.on_exit(None)
    assert not Path(folder).exists()
