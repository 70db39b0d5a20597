"""``python -m training.rewards.check``: judge one pair given as JSON on stdin; print the verdict as JSON.

Input ``{"response": …, "answer": …}``; output ``{"correct", "extracted", "reason", "start", "end", "mark",
"version"}``, where ``response[start:end]`` is the extracted answer. Judged exactly as in training, in a process that
may be killed.
"""

import argparse
import json
import sys

from training.rewards.extract import extract
from training.rewards.verifier import VERIFIER_VERSION, Verifier


def main() -> int:
    """Exit status 0 with a verdict, 2 when the input is not what it should be."""
    parser = argparse.ArgumentParser(
        prog="python -m training.rewards.check", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--timeout", type=float, default=3.0, help="longest time one comparison may take, in seconds")
    arguments = parser.parse_args()
    try:
        pair = json.load(sys.stdin)
        response, answer = pair["response"], pair["answer"]
        if not (isinstance(response, str) and isinstance(answer, str)):
            raise TypeError("response and answer must be texts")
    except (ValueError, KeyError, TypeError) as error:
        print(f'expected {{"response": "…", "answer": "…"}} on stdin: {error}', file=sys.stderr)
        return 2
    with Verifier(workers=1, timeout_s=arguments.timeout) as verifier:
        [verdict] = verifier.verify([(response, answer)])
    found = extract(response)
    place = (
        {"start": found.start, "end": found.end, "mark": found.mark}
        if found
        else {"start": None, "end": None, "mark": None}
    )
    result = {"correct": verdict.correct, "extracted": verdict.extracted, "reason": verdict.reason}
    print(json.dumps({**result, **place, "version": VERIFIER_VERSION}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
