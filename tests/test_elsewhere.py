"""What passed whole elsewhere is left out, and nothing else is."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = {
    "whole": "def test_one(): pass\ndef test_two(): pass\n",
    "failed": "def test_one(): pass\ndef test_two(): assert False\n",
    "skipped": "import pytest\ndef test_one(): pass\n@pytest.mark.skip\ndef test_two(): pass\n",
    "chosen": "import pytest\ndef test_one(): pass\n@pytest.mark.slow\ndef test_two(): pass\n",
    "broken": "import pytest\n@pytest.fixture\ndef late():\n    yield\n    assert False\ndef test_one(late): pass\n",
}


@pytest.mark.parametrize("processes", [(), ("-n", "1")])
def test_only_what_passed_whole_is_left_out(tmp_path: Path, processes: tuple[str, ...]) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    for name, text in FILES.items():
        (tmp_path / f"test_{name}.py").write_text(text)

    def run(*options: str) -> str:
        plugins = ("-p", "tests.elsewhere", "-p", "no:cacheprovider", "-p", "no:django")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *plugins, *options],
            cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout

    assert "1 error" in run("-m", "not slow", "--passed-to", "passed.txt", *processes)
    assert (tmp_path / "passed.txt").read_text() == "test_whole.py\n"
    again = run("--passed-in", "passed.txt", "--collect-only", "-q")
    assert "test_whole" not in again
    assert "7 tests collected" in again
    assert "passed in another environment: 1" in run("--passed-in", "passed.txt", *processes)
