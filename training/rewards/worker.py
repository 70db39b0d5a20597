"""The process that does symbolic algebra: one JSON request a line on stdin, one JSON answer a line on stdout.

Run as ``python -m training.rewards.worker PARENT_PID`` by `training.rewards.process`, which kills it when an answer
takes too long. It ends by itself when its parent closes the pipe or dies, and may not use much memory.
"""

import ctypes
import json
import logging
import os
import re
import resource
import signal
import sys
from typing import Any

from training.rewards.compare import bare

MEMORY_LIMIT = 2 * 2**30
PR_SET_PDEATHSIG = 1


def judge(answer: str, reference: str) -> tuple[bool | None, str]:
    """Whether ``answer`` equals ``reference`` mathematically, and the reason as the second half of a sentence."""
    from math_verify import verify

    target = read(reference)
    if target is None:
        return None, "the reference answer cannot be read as mathematics, so nothing can be equal to it"
    found = read(answer)
    if found is None:
        return False, "the answer cannot be read as mathematics"
    same = bool(verify([target], [found], timeout_seconds=None, raise_on_error=True))
    return same, f"{'equal' if same else 'not equal'} to the reference by symbolic algebra"


def read(text: str) -> Any:
    """``text`` as a SymPy expression, or None; as a whole, never some number found inside it."""
    from math_verify import LatexExtractionConfig, parse

    body = bare(text)
    if not _balanced(body):
        return None
    found = parse(
        f"\\boxed{{{body}}}",
        extraction_config=[LatexExtractionConfig(boxed_match_priority=0)],
        fallback_mode="no_fallback",
        extraction_mode="first_match",
        parsing_timeout=None,
    )
    return found[0] if found and not isinstance(found[0], str) else None


def _balanced(text: str) -> bool:
    """Whether every brace is closed, so that ``text`` cannot leave the box it is put into."""
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def main(parent: int) -> None:
    """Answer requests until stdin ends."""
    _die_with(parent)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    logging.disable(logging.CRITICAL)
    read("1")  # imports the parser and builds its grammar before the first clock starts
    replies, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints must not pass for a reply
    print("ready", file=replies, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            correct, reason = judge(request["answer"], request["reference"])
        except (Exception, RecursionError, MemoryError) as error:
            correct, reason = None, f"the comparison failed ({type(error).__name__})"
        print(json.dumps([correct, reason]), file=replies, flush=True)


def _die_with(parent: int) -> None:
    """Linux kills this process when its parent dies, even in the middle of a computation."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
