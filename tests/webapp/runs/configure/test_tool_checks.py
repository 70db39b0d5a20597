"""What the form finds in the knobs of tools, each finding with a fix that works."""

from typing import Any

import pytest

from tests.webapp.runs.configure.test_search_checks import found_in, left_after, only
from training.config import RunConfig

pytestmark = pytest.mark.django_db


def calling(variant: str = "tools", tools: str = "template", max_tokens: int = 320, **agentic: Any) -> RunConfig:
    method = {"kind": "grpo", "sampling": {"max_tokens": max_tokens}, "agentic": {"enabled": True} | agentic}
    config = {"model": {"kind": "builtin", "variant": variant}, "prompt": {"tools": tools}, "method": method}
    return RunConfig.model_validate(config | {"problems": {"kind": "builtin", "level": "tools"}})


def test_tools_that_are_known_named_and_have_room_need_no_advice() -> None:
    assert found_in(calling()) == []
    assert found_in(calling("arithmetic", "none", 64, enabled=False)) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"variant": "arithmetic"}, "never seen a tool call"),
        ({"tools": "none"}, "does not say that there are any"),
        ({"max_tokens": 64}, "few responses would finish"),
    ],
)
def test_what_would_hardly_work_is_said_with_a_way_out(changes: dict[str, Any], said: str) -> None:
    config = calling(**changes)
    fault = only(found_in(config))
    assert said in fault.message
    for number in range(len(fault.fixes)):
        assert left_after(config, fault, number) == []
