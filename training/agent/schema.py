"""What a prompt says of tools: their JSON schemas, and rStar2-Agent's instructions (arXiv 2508.20722, figure 3)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]
"""A tool as chat templates take it: ``{"type": "function", "function": {"name", "description", "parameters"}}``."""

Message = dict[str, str]

PYTHON = "python"
"""The built-in tool's name where the prompt does not use the paper's."""

PYTHON_WITH_IO = "python_code_with_standard_io"
"""The same tool in rStar2-Agent's schema."""


def function(name: str, description: str, properties: Mapping[str, str], required: Sequence[str]) -> Schema:
    """The schema of a tool whose parameters are all texts, given with their descriptions."""
    described = {key: {"type": "string", "description": text} for key, text in properties.items()}
    parameters = {"type": "object", "properties": described, "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


PYTHON_SCHEMA = function(
    PYTHON,
    "Run Python code and return what it prints and the value of its last expression.",
    {"code": "The code.", "input": "What input() reads; may be left out."},
    ["code"],
)

PYTHON_WITH_IO_SCHEMA = function(
    PYTHON_WITH_IO,
    "Execute Python code with standard input and capture standard output. This function takes a Python code string and "
    "an input string, provides the input string through standard input (stdin) to the code, and captures and returns "
    "any output produced through standard output (stdout). If the executed code raises an exception, the error message "
    "will be captured and returned instead.",
    {
        "code": "A string containing Python code to be executed. The code can read from standard input using the "
        "input() function.",
        "input": "A string that will be provided as standard input to the code when it calls input().",
    },
    ["code", "input"],
)

READ_SCHEMA = function(
    "read",
    "Read a file of the repository; without a path, list its files.",
    {"path": "The file's path; may be left out."},
    [],
)

EDIT_SCHEMA = function(
    "edit",
    "Replace a text in a file of the repository and return the lines that changed.",
    {
        "path": "The file's path.",
        "old": "The text to be replaced, exactly as it stands; the file must hold it once.",
        "new": "What it is replaced by.",
    },
    ["path", "old", "new"],
)

RUN_TESTS_SCHEMA = function("run_tests", "Run the tests of the repository.", {}, [])

_SYSTEM = (
    "A conversation between User and Assistant. The User asks a question, and the Assistant solves it. The Assistant "
    "first thinks about the reasoning process in the mind and then provides the User with the answer. The reasoning "
    "process is enclosed within <reason> </reason> and answer is enclosed within <answer> </answer> tags, "
    "respectively, i.e., <reason> reasoning process here </reason> <answer> answer here </answer>."
)
_ENGINEER = (
    "You mend a repository of Python files in which something is wrong. Think briefly inside <think> </think>, then "
    "call one function at a time: find the fault, change as little as you can, and run the tests."
)
_ISSUE = "This is the issue:\n{problem}\nOnce all tests pass, say so without calling a function."
_TOOLS = (
    "{system}\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n{schemas}\n</tools>\n\n"
    "{form}"
)
_JSON_CALLS = (
    "For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML "
    'tags:\n<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)
_LINE_CALLS = (
    "For each function call, write the function name and then each argument on a line of its own, without its name and "
    "in the order of the signature, within <tool_call></tool_call> XML tags:\n"
    "<tool_call><function-name>\n<argument>\n<argument></tool_call>"
)
_QUESTION = (
    "You must put your answer inside <answer> </answer> tags, i.e., <answer> answer here </answer>. And your final "
    "answer will be extracted automatically by the \\boxed{{}} tag.\nThis is the problem:\n{problem}"
)


def builtin_schemas(tools: str, toolset: str = "python") -> list[Schema]:
    """Of the tools that a run has, as a prompt of this kind tells of them."""
    if toolset == "repository":
        return [READ_SCHEMA, EDIT_SCHEMA, RUN_TESTS_SCHEMA]
    return [PYTHON_WITH_IO_SCHEMA if tools == "schema" else PYTHON_SCHEMA]


def schema_messages(
    problem: str, system: str, schemas: Sequence[Schema], toolset: str = "python", calls: str = "json"
) -> list[Message]:
    """rStar2-Agent's messages: tools in the system message, each schema on a line. `system` stands in for its first
    paragraph where it is not empty. An agent in a repository is told of that instead of answers.
    """
    lines = "\n".join(json.dumps(schema, ensure_ascii=False) for schema in schemas)
    form = _LINE_CALLS if calls == "lines" else _JSON_CALLS
    opening, question = (_ENGINEER, _ISSUE) if toolset == "repository" else (_SYSTEM, _QUESTION)
    return [
        {"role": "system", "content": _TOOLS.format(system=system or opening, schemas=lines, form=form)},
        {"role": "user", "content": question.format(problem=problem)},
    ]
