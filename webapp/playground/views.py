"""Pages of the playground: begin a conversation, watch the answers, go on, look at tokens, send responses on."""

from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.accounts.models import Role
from webapp.accounts.permissions import lacking, role_required, user_of
from webapp.core import job_states
from webapp.core.errors import UserError
from webapp.core.htmx import is_fragment
from webapp.core.paging import keyset_page
from webapp.evals.presets import PRESETS
from webapp.labeling.choices import Mode
from webapp.labeling.models import LabelProject
from webapp.playground import services
from webapp.playground.forms import ChatForm, QuestionForm, SearchForm
from webapp.playground.models import Chat, Question, QuestionSearch
from webapp.playground.page import QuestionPage, strip_of
from webapp.playground.searching import address_of, search_question

CHATS_A_PAGE = 30
PROJECTS_OFFERED = 50
SEARCHES = Prefetch(
    "searches", QuestionSearch.objects.select_related("run").only("question", "model", "answer", "run__status")
)
UNCHANGED = 204
"""Has htmx leave what is shown, where a reader may be amid it."""


@require_http_methods(["GET", "POST"])
def chats(request: HttpRequest) -> HttpResponse:
    """All conversations; to researchers also the form that begins one, and its answer."""
    user = user_of(request)
    if request.method != "POST":
        chosen = {"model": request.GET["model"]} if "model" in request.GET else {}
        first = chosen | {"text": request.GET.get("text", ""), "answer": request.GET.get("answer", "")}
        return _list(request, ChatForm(initial=first) if user.is_researcher else None)
    if not user.is_researcher:
        raise UserError(lacking(user, Role.RESEARCHER), status=403)
    form = ChatForm(request.POST)
    if not form.is_valid() or form.config is None:
        return _list(request, form, status=422)
    question = services.begin(user, form.config, form.cleaned_data["start_id"])
    return redirect("playground:chat", question.chat_id)


@require_http_methods(["GET", "POST"])
def chat(request: HttpRequest, chat_id: int) -> HttpResponse:
    """A conversation; posted, its next question."""
    chat, user = get_object_or_404(Chat.objects.select_related("created_by"), pk=chat_id), user_of(request)
    form, status = None, 200
    if request.method == "POST":
        if not user.is_researcher:
            raise UserError(lacking(user, Role.RESEARCHER), status=403)
        form = QuestionForm(request.POST)
        if form.is_valid():
            values = form.cleaned_data
            services.go_on(chat, user, values["text"], values["answer"], form.sampling.config, values["start_id"])
            return redirect("playground:chat", chat_id)
        status = 422
    questions = list(chat.questions.prefetch_related(SEARCHES))
    pages = [QuestionPage(each, each is questions[-1]) for each in questions]
    if form is None and user.is_researcher and pages:
        form = QuestionForm(sampling=pages[-1].sampling)
    context = _context(chat=chat, pages=pages, form=form)
    return render(request, "playground/chat.html", context, status=status)


@require_GET
def question(request: HttpRequest, question_id: int) -> HttpResponse:
    """A question for the page that watches it, or nothing when nothing has changed since ``seen``; else that page."""
    question = _get(question_id)
    if not is_fragment(request):
        return redirect(question)
    page = QuestionPage(question, not question.chat.questions.filter(number__gt=question.number).exists())
    if request.GET.get("seen") == page.version:
        return HttpResponse(status=UNCHANGED)
    return render(request, "playground/question.html", _context(page=page, chat=question.chat, is_polled=True))


@require_GET
def response(request: HttpRequest, question_id: int, model: int, sample: int) -> HttpResponse:
    """One response, token by token."""
    question = _get(question_id)
    try:
        told = question.answers_now()[model][sample]
    except IndexError as error:
        raise Http404("There is no such response.") from error
    strip = strip_of(told) if told.get("ids") else None
    if request.GET.get("format") == "json":
        return JsonResponse(told)
    name = question.config["models"][model]["name"]
    by = request.GET.get("by", "logprob")
    by = by if strip and any(scale.key == by for scale in strip.scales) else "logprob"
    context = _context(question=question, told=told, strip=strip, name=name, sample=sample, model=model, by=by)
    return render(request, "playground/response.html", context)


@require_POST
@role_required(Role.RESEARCHER)
def stop(request: HttpRequest, question_id: int) -> HttpResponse:
    question = _get(question_id)
    job_states.stop(question)
    return redirect(question)


@require_POST
@role_required(Role.RESEARCHER)
def again(request: HttpRequest, question_id: int) -> HttpResponse:
    question = _get(question_id)
    services.ask_again(question)
    return redirect(question)


@require_POST
@role_required(Role.RESEARCHER)
def delete(request: HttpRequest, question_id: int) -> HttpResponse:
    question = _get(question_id)
    if services.delete_from(question):
        return redirect("playground:chat", question.chat_id)
    return redirect("playground:list")


@require_POST
@role_required(Role.RESEARCHER)
def choose(request: HttpRequest, question_id: int) -> HttpResponse:
    question = _get(question_id)
    services.choose(question, _number(request, "model"), _number(request, "sample"))
    return redirect("playground:chat", question.chat_id)


@require_POST
@role_required(Role.RESEARCHER)
def label(request: HttpRequest, question_id: int) -> HttpResponse:
    question = _get(question_id)
    project = get_object_or_404(LabelProject, slug=request.POST.get("project", ""))
    services.send_to_labelers(question, project)
    messages.success(request, f"The responses are an item of {project.name} now.")
    return redirect("playground:chat", question.chat_id)


@require_POST
@role_required(Role.RESEARCHER)
def start_search(request: HttpRequest, question_id: int) -> HttpResponse:
    form = SearchForm(request.POST)
    if not form.is_valid():
        name, errors = next(iter(form.errors.items()))
        raise UserError(f"{form.fields[name].label}: {errors[0]}", status=422)
    values = form.cleaned_data
    user = user_of(request)
    made = search_question(_get(question_id), values["model"], values["answer"], values["search"], user)
    return redirect("playground:search", made.pk)


@require_GET
def search(request: HttpRequest, search_id: int) -> HttpResponse:
    """A search of a question, wherever it is seen best now."""
    searches = QuestionSearch.objects.select_related("run__evaluation")
    return redirect(address_of(get_object_or_404(searches, pk=search_id)))


def _list(request: HttpRequest, form: ChatForm | None, status: int = 200) -> HttpResponse:
    rows = Chat.objects.select_related("created_by")
    found = keyset_page(rows, by="id", descending=True, cursor=request.GET.get("after", ""), size=CHATS_A_PAGE)
    context = _context(form=form, chats=found.rows, next_cursor=found.next_cursor)
    return render(request, "playground/list.html", context, status=status)


def _context(**values: Any) -> dict[str, Any]:
    projects = LabelProject.objects.exclude(mode=Mode.TREE_STEP).order_by("name")[:PROJECTS_OFFERED]
    return {"nav": "playground", "projects": projects, "presets": PRESETS.values(), **values}


def _get(question_id: int) -> Question:
    return get_object_or_404(Question.objects.select_related("chat").prefetch_related(SEARCHES), pk=question_id)


def _number(request: HttpRequest, name: str) -> int:
    try:
        return int(request.POST.get(name, ""))
    except ValueError as error:
        raise UserError(f"{name} must be a number.") from error
