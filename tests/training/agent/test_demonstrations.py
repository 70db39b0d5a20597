"""Demonstrations are learned from as the rollouts that they stand for."""

import numpy as np
import pytest

from tests.training.agent.parts import codec, conversation, drawn
from training.agent.conversation import Conversation
from training.agent.demonstrations import demonstration
from training.agent.results import ToolResult
from training.agent.templates import TurnTemplate
from training.builtin.tool_styles import with_demonstrations
from training.problems import Problem
from training.problems.computation import generate_computations
from training.problems.types import DemonstratedTurn

PROBLEMS = with_demonstrations(generate_computations(40, "train", 0), 0)


def played(problem: Problem, talk: Conversation) -> Conversation:
    """The conversation as the loop holds it, with a model that says what is demonstrated."""
    talk.prompt = talk.rules.codec.prompt_ids(problem.prompt)
    for turn in problem.turns:
        if turn.role == "model":
            talk.add_turn(drawn(turn.text), 1.0)
        else:
            assert talk.add_results([(ToolResult("ok", value=turn.text), 1.0)], 1.0)
    return talk


@pytest.mark.parametrize("tools", ["none", "template", "schema"])
def test_a_demonstration_is_token_for_token_the_rollout_that_it_shows(tools: str) -> None:
    made = codec(tools=tools)
    template = TurnTemplate(made)
    masked = 0
    for problem in PROBLEMS:
        example = demonstration(problem, made, template)
        talk = played(problem, conversation(2000, {"tools": tools}))
        rollout = talk.rollout()
        assert [*example.prompt, *example.response] == talk.ids
        if rollout.mask is None:
            assert example.mask is None
        else:
            masked += 1
            assert example.mask is not None
            assert np.array_equal(example.mask, rollout.mask)
        assert example.predicted == rollout.drawn
    assert masked > 10


def test_two_results_in_a_row_share_a_turn() -> None:
    problem = PROBLEMS[0]
    turns = [DemonstratedTurn("model", "a"), DemonstratedTurn("tool", "1"), DemonstratedTurn("tool", "2")]
    both = Problem(
        problem.id, "?", "2", None, "train", "", turns=(*turns, DemonstratedTurn("model", "<answer>2</answer>"))
    )
    made = codec(tools="template")
    example = demonstration(both, made, TurnTemplate(made))
    between = TurnTemplate(made).between(["1", "2"], made.stop_ids[0]).ids
    assert list(example.response) == [*made.response_ids("a"), *between, *made.response_ids("<answer>2</answer>")]
