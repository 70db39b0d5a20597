"""What can be done in the playground: ask, go on from a response, ask again, delete, send responses to labelers.

A question is a job: `webapp.core.job_states` stops it and ends it.
"""

import shutil
from uuid import UUID

from django.db import IntegrityError, transaction

from training.config import CheckpointModel
from training.config.chat import ChatConfig, ChatSampling, ChatTurn
from training.config.generate import GeneratingModel
from webapp.accounts.models import User
from webapp.core import job_states
from webapp.core.errors import UserError
from webapp.core.jobs import UNFINISHED
from webapp.labeling.choices import Mode
from webapp.labeling.items import ItemDraft, ResponseDraft, add_items
from webapp.labeling.models import LabelProject
from webapp.playground.models import TITLE_LENGTH, Chat, Question
from webapp.runs.models import Run
from workers import queue


def begin(user: User, config: ChatConfig, start_id: UUID) -> Question:
    """Begin a conversation with its first question; the same form sent twice begins one."""
    if (known := Question.objects.filter(start_id=start_id).first()) is not None:
        return known
    models = [model.model_dump(mode="json") for model in config.models]
    try:
        with transaction.atomic():
            title = " ".join(config.turns[-1].text.split())[:TITLE_LENGTH]
            chat = Chat.objects.create(title=title, asked=models, created_by=user)
            return _ask(chat, 1, config, user, start_id)
    except IntegrityError:  # the other one was quicker
        return Question.objects.get(start_id=start_id)


def go_on(chat: Chat, user: User, text: str, answer: str, sampling: ChatSampling, start_id: UUID) -> Question:
    """Ask the next question of a conversation. Raises UserError while there is nothing to go on from."""
    if (known := Question.objects.filter(start_id=start_id).first()) is not None:
        return known
    with transaction.atomic():
        Chat.objects.select_for_update().get(pk=chat.pk)
        turns = _said(chat)
        config = ChatConfig(
            models=tuple(GeneratingModel.model_validate(each) for each in chat.asked),
            turns=(*turns, ChatTurn(role="user", text=text)),
            answer=answer,
            sampling=sampling,
        )
        return _ask(chat, len(turns) // 2 + 1, config, user, start_id)


def _said(chat: Chat) -> list[ChatTurn]:
    turns = []
    for question in chat.questions.all():
        if question.chosen is None:
            words = "is not answered yet" if question.is_unfinished else "has no answer; delete it"
            raise UserError(f"Question {question.number} {words}, so there is nothing to go on from.", status=409)
        turns += [
            ChatTurn(role="user", text=question.text),
            ChatTurn(role="assistant", text=question.chosen["text"]),
        ]
    return turns


def _ask(chat: Chat, number: int, config: ChatConfig, user: User, start_id: UUID) -> Question:
    stored = config.model_dump(mode="json")
    question = Question.objects.create(chat=chat, number=number, start_id=start_id, config=stored, created_by=user)
    queue.chat(question.pk)
    return question


def ask_again(question: Question) -> None:
    """Have one that failed or was stopped answered anew. Raises UserError once the conversation has gone on from it."""
    with transaction.atomic():
        _lock_as_last(question)
        job_states.go_on(question, queue.chat)
        Question.objects.filter(pk=question.pk).update(answers=[], chosen_model=0, chosen_sample=0)


def clear(question_id: int) -> None:
    """For a worker: remove the files of a question that has ended; its row has all that is worth keeping."""
    ended = Question.objects.filter(pk=question_id).exclude(state__in=UNFINISHED)
    for question in ended.only("start_id"):
        shutil.rmtree(question.folder, ignore_errors=True)


def choose(question: Question, model: int, sample: int) -> None:
    """Have the conversation go on from this response. Raises UserError once it has gone on from another."""
    if not (model < len(question.answers) and sample < len(question.answers[model])):
        raise UserError("There is no such response.", status=404)
    with transaction.atomic():
        _lock_as_last(question)
        Question.objects.filter(pk=question.pk).update(chosen_model=model, chosen_sample=sample)


def _lock_as_last(question: Question) -> None:
    """Keep others from going on meanwhile. To be called in a transaction; raises UserError where somebody has."""
    Chat.objects.select_for_update().get(pk=question.chat_id)
    if Question.objects.filter(chat=question.chat_id, number__gt=question.number).exists():
        raise UserError("The conversation has gone on already; delete the later questions first.", status=409)


@transaction.atomic
def delete_from(question: Question) -> bool:
    """Delete a question and all later ones, whoever answers them; whether some of the conversation is left."""
    chat = Chat.objects.select_for_update().get(pk=question.chat_id)
    chat.questions.filter(number__gte=question.number).delete()
    if chat.questions.exists():
        return True
    chat.delete()
    return False


def send_to_labelers(question: Question, project: LabelProject) -> None:
    """Make an item of the question and its different responses. Raises UserError where the project takes none such."""
    different: dict[str, ResponseDraft] = {}
    for stored, samples in zip(question.chat.asked, question.answers, strict=True):
        source = GeneratingModel.model_validate(stored).source
        checkpoint = source if isinstance(source, CheckpointModel) else None
        if checkpoint is not None and not Run.objects.filter(pk=checkpoint.run).exists():
            checkpoint = None
        for sample in samples:
            text = sample.get("text", "").strip()
            if text:
                response = ResponseDraft(
                    text=sample["text"],
                    source=stored["name"],
                    correct=sample.get("correct"),
                    length=sample["length"],
                    run_id=checkpoint.run if checkpoint else None,
                    step=checkpoint.step if checkpoint else None,
                )
                different.setdefault(text, response)
    if project.mode == Mode.TREE_STEP:
        raise UserError("Labelers of this project choose between steps of a search tree, and responses are none.")
    origin = {"chat": question.chat_id, "question": question.number}
    add_items(project, [ItemDraft(question.text, list(different.values()), question.reference, origin)])
