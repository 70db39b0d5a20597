"""Opens a typed question as a search at test time: a problem set of it alone, and an evaluation that grows its tree.

The verifier guides such a search, so it needs a right answer. The same question with the same answer is one set and,
for one model and kind of search, one evaluation, however often it is asked for.
"""

import hashlib
import json
import uuid

from django.db import transaction
from django.urls import reverse
from pydantic import ValidationError

from training.config import EvaluateMethod, ImportedProblems, RunConfig
from training.config.chat import ChatSampling
from training.reading import Accepted
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.datasets.models import ProblemSet
from webapp.datasets.services import fingerprint, store_problem_set
from webapp.evals.presets import search_of
from webapp.evals.services import start_evaluations
from webapp.playground.models import Chat, Question, QuestionSearch
from webapp.runs.config_forms import explain
from webapp.search.models import SearchTree

SOURCE = "Asked in the playground"
"""By which people and this module know the sets that it makes."""
STEPS = 8
"""A response is cut into so many steps of equal length, or fewer."""


def search_question(question: Question, model: int, answer: str, preset: str, user: User) -> QuestionSearch:
    """Start the search of a conversation's first question by one of its models, or find the one that was started.

    Raises UserError for a later question, where there is no such model, where the model's run cannot be evaluated so,
    and when the broker is away; then the search waits.
    """
    if question.number > 1:
        raise UserError("A search puts one question by itself. Ask this one in a conversation of its own.", status=409)
    if model >= len(question.config["models"]):
        raise UserError("There is no such model.", status=404)
    with transaction.atomic():
        Chat.objects.select_for_update().get(pk=question.chat_id)  # the same form sent twice makes one set
        config = _config(question, model, preset, _set_of(question.text, answer, user))
        start_id = uuid.uuid5(question.start_id, json.dumps(config.model_dump(mode="json"), sort_keys=True))
        (evaluation,) = start_evaluations([config], user=user, start_id=start_id)
        values = {"question": question, "model": model, "answer": answer}
        return QuestionSearch.objects.get_or_create(run=evaluation.run, defaults=values)[0]


def address_of(search: QuestionSearch) -> str:
    """Where it is seen best now: as it grows, as its tree, or where it says why there is none."""
    if not search.run.state.is_terminal:
        return reverse("runs:detail", args=[search.run_id]) + "#live-trees"
    tree = SearchTree.objects.filter(run=search.run_id).values_list("pk", flat=True).first()
    return reverse("search:tree", args=[tree]) if tree else reverse("evals:detail", args=[search.run.evaluation.pk])


def _set_of(text: str, answer: str, user: User) -> ProblemSet:
    """The set of this one problem, made when there is none."""
    problem = Accepted(
        source="playground", row=1, prompt=text, answer=answer, solution="", split="heldout", level="", note=""
    )
    digest = hashlib.sha256()
    fingerprint(digest, problem)
    known = ProblemSet.objects.filter(source=SOURCE, content_hash=digest.hexdigest()).first()
    return known or store_problem_set(
        [problem],
        name=f"Asked: {' '.join(text.split())}"[:120],
        description="One question of a conversation, so that it can be searched at test time.",
        source=SOURCE,
        mapping={},
        report={},
        user=user,
    )


def _config(question: Question, model: int, preset: str, problem_set: ProblemSet) -> RunConfig:
    asked, sampling = question.config["models"][model], ChatSampling.model_validate(question.config["sampling"])
    longest = -(-sampling.max_tokens // STEPS) * STEPS
    try:
        method = EvaluateMethod(
            samples=STEPS,
            temperature=sampling.temperature or 1.0,
            top_p=sampling.top_p,
            max_tokens=longest,
            greedy=False,
            search=search_of(preset, longest),
        )
        return RunConfig.model_validate(
            {
                "model": asked["source"],
                "prompt": asked["prompt"],
                "problems": ImportedProblems(slug=problem_set.slug).model_dump(),
                "hardware": question.config["hardware"],
                "seed": sampling.seed,
                "method": method.model_dump(),
            }
        )
    except ValidationError as error:
        raise UserError(f"This model cannot be searched so: {explain(error.errors()[0])}") from error
