"""The built-in repositories: faults that tests tell, and a split that nothing can leak across."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from training.agent.harness import outcome_of
from training.problems import Problem
from training.problems.repositories import Task, generate_tasks, problem_of
from training.problems.repository import META, as_meta, difference, files_of, is_test, with_tests_of


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    return generate_tasks(300, "train", 3) + generate_tasks(60, "heldout", 3)


def test_each_has_one_fault_in_one_line_and_one_to_three_files(tasks: list[Task]) -> None:
    for task in tasks:
        assert 2 <= len(task.files) <= 3
        assert sum(map(is_test, task.files)) == 1
        changed = [line for line in difference(task.files, task.mended, context=0).splitlines() if line[:1] in "+-"]
        assert [line[:2] for line in changed[2:]] == ["- ", "+ "], "one line goes, one comes"
        assert task.files[task.path].count(task.fault.wrong) == 1
    assert {task.fault.kind for task in tasks} == {"operator", "constant", "order", "off-by-one", "call"}
    layouts = Counter((len(task.files), task.files[task.path].count("def ")) for task in tasks)
    assert min(layouts[shape] for shape in ((2, 1), (2, 2), (3, 1))) > 25


def test_the_issue_is_what_the_function_gives_and_its_test_says(tasks: list[Task]) -> None:
    for task in tasks:
        call, _, said = task.issue.partition(" gives ")
        wanted = said.split(", not ")[1].removesuffix(".")
        [tests] = [text for path, text in task.files.items() if is_test(path)]
        assert f" assert {call}=={wanted}\n" in tests


def test_only_the_faulty_repository_fails_its_tests(tasks: list[Task]) -> None:
    """In this process: the functions are one expression each, and harmless."""
    single = [task for task in tasks if len(task.files) == 2]
    assert len(single) > 200
    for task in single:
        for files, resolved in ((task.files, False), (task.mended, True)):
            [(path, tests)] = [(path, text) for path, text in files.items() if is_test(path)]
            told = outcome_of(path, files[task.path] + tests.split("\n", 1)[1])
            assert (told["passed"], len(told["failures"])) == ((1, 0) if resolved else (0, 1))


def test_no_source_and_no_issue_is_in_both_splits_whatever_the_seed() -> None:
    train = [task for seed in range(3) for task in generate_tasks(300, "train", seed)]
    held = [task for seed in range(3) for task in generate_tasks(60, "heldout", seed)]
    assert not {task.issue for task in train} & {task.issue for task in held}
    faulty = [{task.fault.source(task.fault.wrong) for task in tasks} for tasks in (train, held)]
    assert not faulty[0] & faulty[1]


def test_the_seed_decides_everything_and_names_are_unique(tasks: list[Task]) -> None:
    assert generate_tasks(20, "train", 1) == generate_tasks(20, "train", 1) != generate_tasks(20, "train", 2)
    problems = [problem_of(task, "train") for task in tasks]
    assert len({problem.id for problem in problems}) == len({problem.prompt for problem in problems}) == len(tasks)
    assert not any(problem.answer for problem in problems), "no words are the answer"


def test_one_fixed_repository_stays_the_same_over_versions() -> None:
    task = generate_tasks(1, "heldout", 0)[0]
    assert (task.issue, task.fault.wrong, task.fault.right) == ("rem(18,8) gives 26, not 2.", "a+b", "a%b")


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        generate_tasks(-1, "train", 0)
    assert generate_tasks(0, "train", 0) == []


def problem(files: object) -> Problem:
    return Problem("p", "it is broken", "", None, "train", "mine", {META: json.dumps(files)})


def test_a_problem_carries_its_repository() -> None:
    files = {"a/b.py": "x = 'ü'\n", "test_b.py": ""}
    assert dict(files_of(problem(files)) or {}) == files
    assert as_meta(files) == {META: json.dumps(files, ensure_ascii=False)}
    assert files_of(replace(problem(files), meta={})) is None


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (["a.py"], "must be an object"),
        ({"a.py": 1}, "must be an object"),
        ({"a.py": "x"}, "needs a test"),
        ({"/etc/x": "", "test.py": ""}, "no plain path"),
        ({"../x": "", "test.py": ""}, "no plain path"),
        ({"a//b": "", "test.py": ""}, "no plain path"),
        ({"": "", "test.py": ""}, "no plain path"),
        ({"a.py": "x" * 50_001, "test.py": ""}, "at most"),
        ({f"{number}.py": "" for number in range(65)}, "at most"),
    ],
)
def test_what_is_no_repository_is_refused(files: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        files_of(problem(files))


def test_tests_are_put_back_and_changes_are_told() -> None:
    found = {"a.py": "x=1\n", "test_a.py": "assert x\n"}
    made = {"a.py": "x=2\n", "test_a.py": "assert True\n"}
    assert with_tests_of(found, made) == {"a.py": "x=2\n", "test_a.py": "assert x\n"}
    assert difference(found, found) == ""
    assert difference({"a.py": "x=1\n"}, {"a.py": "x=2\n"}).splitlines() == [
        "--- a/a.py", "+++ b/a.py", "@@ -1 +1 @@", "-x=1", "+x=2",
    ]  # fmt: skip


def test_no_few_faults_make_up_what_is_held_out() -> None:
    faults = Counter((task.fault.name, task.fault.wrong) for task in generate_tasks(96, "heldout", 0))
    assert len(faults) >= 30
    assert faults.most_common(1)[0][1] <= 12
