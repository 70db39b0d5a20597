"""What the model is shown of a tool's result."""

import pytest

from training.agent.results import ToolResult, result_text, shortened


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (ToolResult("ok", stdout="5\n"), "5"),
        (ToolResult("ok", stdout="5\n", value="6"), "5\n6"),
        (ToolResult("ok", value="6", stderr="a warning\n"), "6"),
        (ToolResult("ok", stderr="a warning\n"), "a warning"),
        (ToolResult("ok"), "(no output)"),
        (ToolResult("error", stdout="before\n", error="ZeroDivisionError at line 2: division by zero"),
         "before\nZeroDivisionError at line 2: division by zero"),
        (ToolResult("timeout", error="timeout after 4 s"), "timeout after 4 s"),
        (ToolResult("memory"), "memory"),
    ],
)  # fmt: skip
def test_a_result_reads_like_a_python_prompt(result: ToolResult, text: str) -> None:
    assert result_text(result) == text


def test_the_running_time_is_not_told() -> None:
    assert result_text(ToolResult("ok", stdout="5", wall_s=0.1)) == result_text(ToolResult("ok", stdout="5", wall_s=3))


def test_a_long_result_loses_its_middle() -> None:
    text = "".join(chr(97 + number % 26) for number in range(300))
    short, cut = shortened(text, 256, "middle")
    assert cut
    assert len(short) == 273
    assert short == text[:128] + "...(truncated)..." + text[-128:]


def test_or_its_end_or_its_beginning() -> None:
    assert shortened("abcdef", 3, "end") == ("abc...(truncated)", True)
    assert shortened("abcdef", 3, "beginning") == ("(truncated)...def", True)
    assert shortened("abcdef", 6, "middle") == ("abcdef", False)
    assert shortened("abcdef", 5, "middle") == ("ab...(truncated)...def", True)
