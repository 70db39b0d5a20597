"""A teaching from beginning to end: asks, verifies, has solutions written again, and writes each line when it is there.

The file is only ever appended to, in whole lines, so that a killed teaching goes on where it ends; at most the answers
under way are lost. Answers that failed are asked for once more when it goes on.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from training.asked_model import drawn, halves_of
from training.assembly.sampling import VERIFIER_WORKERS
from training.config.teach import EndpointTeacher, ModelTeacher, NumberedSteps, TeachConfig, name_of
from training.errors import InputError
from training.problems.types import Problem, write_problems
from training.rewards.verifier import Verifier
from training.teaching.figures import Figures, in_words
from training.teaching.judging import Judged, judge, numbered
from training.teaching.ledger import Ledger
from training.teaching.lines import Line, Reply, Written, WrittenKind, problems_file
from training.teaching.opening import Opening
from training.teaching.outcome import solved_problems
from training.teaching.prompts import rewrite_prompt
from training.teaching.teachers import AnyTeacher, Manner, Question, open_teacher
from training.whole_lines import json_lines

TOLD_EVERY_S = 10.0
NO_ROOM = "it does not fit into the rewriter's context; lower the longest rewrite"

logger = logging.getLogger("training")


def teach(config: TeachConfig, folder: Path, out: Path) -> Figures:
    """Write what is missing of ``out`` and, in the end, the problem set it makes (`problems_file`).

    Relative files of problems lie in ``folder``. Raises InputError for what the user has to put right; what is there by
    then stays.
    """
    lines = json_lines(out)
    with out.open("a", encoding="utf-8") as file, ExitStack() as stack:
        verifier = stack.enter_context(Verifier(workers=VERIFIER_WORKERS))
        teaching = _Teaching(config, Ledger(file, config.sampling.keep), verifier)
        teaching.open(lines, folder)
        teaching.have_answered()
        teaching.have_rewritten()
    write_problems(problems_file(out), solved_problems(json_lines(out)))
    return teaching.ledger.tally.figures()


class _Teaching:
    """Who is asked what next."""

    def __init__(self, config: TeachConfig, ledger: Ledger, verifier: Verifier) -> None:
        self.ledger = ledger
        self._config = config
        self._verifier = verifier
        self._problems: list[Problem] = []
        self._teacher: AnyTeacher | None = None
        self._told_at = time.monotonic()

    def open(self, lines: Sequence[Line], folder: Path) -> None:
        """Take in what stands in the file, and write what is missing of its opening."""
        config = self._config
        halves = halves_of(config.problems, folder)
        self._problems = drawn(halves, config.split, config.count, config.sampling.seed)
        along = halves.heldout[: config.heldout] if config.split == "train" else []
        opening = Opening(config, self._problems, along)
        if lines and lines[0] != opening.head():
            raise InputError(
                "the file was begun with other problems, another teacher or other knobs; name another file, or remove "
                "this one"
            )
        for line in lines:
            self.ledger.take(line)
        if len(lines) < opening.count:
            for line in list(opening.lines(self._fits))[len(lines) :]:
                self.ledger.append(line)
        if len(self.ledger.left_out) == len(self._problems):
            raise InputError(f"none of the problems can be asked; of the first: {self.ledger.left_out[0]}")

    def have_answered(self) -> None:
        """Ask for the answers that are lacking; where the first right one is all that is wanted, one by one."""
        sampling = self._config.sampling
        manner = Manner(sampling.max_tokens, sampling.temperature, sampling.top_p, sampling.seed)
        one_by_one = [(number, 1) for number in range(sampling.samples)]
        for first, count in one_by_one if sampling.keep == "first" else [(0, sampling.samples)]:
            questions = self.ledger.unanswered(self._problems, first, count)
            if not questions:
                continue
            teacher = self._open_teacher()
            for each in teacher.ask(questions, manner):
                judged = judge(each.reply, self._problems[each.problem], self._config.filters, self._verifier)
                self._store("answer", each.problem, each.sample, each.reply, judged, teacher.cost(each.reply))

    def have_rewritten(self) -> None:
        """Have the chosen answers written again, where this is wanted."""
        rewrite, rewriter = self._config.rewrite, self._config.rewriter
        originals = self.ledger.to_rewrite(range(len(self._problems)))
        if not isinstance(rewrite, NumberedSteps) or rewriter is None or not originals:
            return
        teacher = self._open_rewriter(rewriter)
        questions = []
        for each in originals:
            prompt = rewrite_prompt(self._problems[each.problem].prompt, each.text)
            if teacher.fits(prompt, rewrite.max_tokens):
                questions.append(Question(prompt, each.problem, each.sample, 1, frozenset({each.sample})))
            else:
                reply = Reply(failed=NO_ROOM)
                self._store("rewrite", each.problem, each.sample, reply, (None, "failed", NO_ROOM), 0.0)
        manner = Manner(rewrite.max_tokens, rewrite.temperature, 1.0, self._config.sampling.seed)
        for answered in teacher.ask(questions, manner):
            reply, judged = numbered(answered.reply, self._problems[answered.problem], self._verifier)
            self._store("rewrite", answered.problem, answered.sample, reply, judged, teacher.cost(reply))

    def _fits(self, prompt: str) -> bool:
        return self._open_teacher().fits(prompt, self._config.sampling.max_tokens)

    def _open_teacher(self) -> AnyTeacher:
        if self._teacher is None:
            logger.info("the teacher is %s", name_of(self._config.teacher))
            self._teacher = open_teacher(self._config.teacher, self._config.hardware)
        return self._teacher

    def _open_rewriter(self, rewriter: ModelTeacher | EndpointTeacher) -> AnyTeacher:
        if isinstance(rewriter, ModelTeacher) and rewriter == self._config.teacher:
            return self._open_teacher()
        self._teacher = None  # one model's weights at a time
        logger.info("the rewriter is %s", name_of(rewriter))
        if isinstance(rewriter, EndpointTeacher):  # it is told the rules of rewriting alone
            rewriter = rewriter.model_copy(update={"system": "", "reasoning": "leave_out"})
        return open_teacher(rewriter, self._config.hardware)

    def _store(self, kind: WrittenKind, problem: int, sample: int, reply: Reply, judged: Judged, cost: float) -> None:
        correct, refused, reason = judged
        tokens = (reply.tokens_in, reply.tokens_out)
        written = Written(kind, problem, sample, reply.text, correct, refused, reason, *tokens, cost)
        self.ledger.append(written.as_line())
        if time.monotonic() - self._told_at > TOLD_EVERY_S:
            self._told_at = time.monotonic()
            logger.info("%s", "; ".join(in_words(self.ledger.tally.figures())))
