"""Random valid configs, and what a browser would send of a form that shows one."""

from html.parser import HTMLParser
from typing import Any

from django.http import QueryDict
from hypothesis import strategies as st
from pydantic import ValidationError

from training.config import RunConfig
from webapp.runs.config_forms import ConfigForm
from webapp.runs.knobs import Knob, Values, knobs_of, tree_of

HUB_NAMES = st.from_regex(r"[A-Za-z0-9._-]{1,12}(/[A-Za-z0-9._-]{1,12})?", fullmatch=True)
MEASURED = ("pass_rate", "not_always_solved", "rejection_sampling")
SAMPLES = {
    **{f"selection.{kind}.measured_by.hub.name": HUB_NAMES for kind in MEASURED},
    "selection.rejection_sampling.judge.hub.name": HUB_NAMES,
    "model.hub.name": HUB_NAMES,
    "hardware.sampling_device": st.sampled_from(["same", "cpu", "cuda:1"]),
    "adapter.lora.targets": st.sampled_from(["all-linear", "q_proj, v_proj"]),
    "adapter.qlora.targets": st.sampled_from(["all-linear", "o_proj"]),
    "method.reward_model.rankings.project.slug": st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True),
    "method.dpo.rankings.project.slug": st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True),
    "hardware.engine.vllm_server.url": st.sampled_from(["http://127.0.0.1:8100", "https://sampler.example.org/"]),
    "problems.imported.slug": st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True),
    "method.deepsearch.search.separator": st.text(
        st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=16
    ),
    "method.srl.steps.pattern": st.sampled_from(["", "(", ";", " ; ", r"\n\s*\n", "a\nb"]),
    "prompt.system": st.text(st.characters(codec="utf-8", exclude_characters="\r\x00", exclude_categories=["Cs"])),
}
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=30)


def values_for(knob: Knob) -> st.SearchStrategy[Any]:
    """Values a knob may have on its own."""
    if knob.options:
        return st.sampled_from(knob.options)
    if knob.value_type is bool:
        return st.booleans()
    if knob.value_type is str:
        return SAMPLES.get(knob.name, WORDS)
    bounds = knob.bounds
    if knob.value_type is int:
        numbers: st.SearchStrategy[Any] = st.integers(
            int(bounds.get("ge", 0)), int(min(bounds.get("le", 10**9), 10**9))
        )
    else:
        numbers = st.floats(
            bounds.get("ge", bounds.get("gt", 0.0)), bounds.get("le", bounds.get("lt", 1e300)),
            exclude_min="gt" in bounds, exclude_max="lt" in bounds, allow_nan=False, allow_infinity=False,
        )  # fmt: skip
    return st.none() | numbers if knob.optional else numbers


@st.composite
def configs(draw: st.DrawFn) -> RunConfig:
    """Valid ones; sets that cannot go together are made possible by the first fix they name."""
    values: Values = {}
    for name, knob in knobs_of(RunConfig).items():
        if knob.is_active(values):
            values[name] = draw(values_for(knob))
    for _ in range(20):
        try:
            return RunConfig.model_validate(tree_of(knobs_of(RunConfig), values))
        except ValidationError as error:
            for problem in error.errors():
                group = ".".join(map(str, problem["loc"]))
                for knob, value in problem["ctx"]["fixes"][0].items():
                    values[f"{group}.{knob}".lstrip(".")] = value
    raise AssertionError("the fixes do not lead to a possible set")


class _Inputs(HTMLParser):
    """Collects what the successful controls of a form would send."""

    def __init__(self) -> None:
        super().__init__()
        self.data = QueryDict(mutable=True)
        self._select: str | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "input" and "name" in given:
            if given.get("type") not in {"checkbox", "radio"} or "checked" in given:
                self.data[given["name"]] = given.get("value", "on" if given["type"] in {"checkbox", "radio"} else "")
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and self._select and ("selected" in given or self._select not in self.data):
            self.data[self._select] = given["value"]
        elif tag == "textarea":
            self._area = given["name"]
            self.data[self._area] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area:
            # Browsers drop the first newline of a textarea, and send every line end as CRLF.
            text = self.data[self._area].replace("\r\n", "\n").removeprefix("\n")
            self.data[self._area] = text.replace("\n", "\r\n")
            self._area = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._area:
            self.data[self._area] += data


def sent_by_browser(html: str) -> QueryDict:
    """The data of all controls in ``html``."""
    parser = _Inputs()
    parser.feed(html)
    parser.close()
    return parser.data


def rendered(form: ConfigForm) -> str:
    """Every widget of a form."""
    return "".join(str(form[name]) for name in form.fields)
