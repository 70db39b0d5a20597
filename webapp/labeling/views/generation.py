"""The page of a project's generations: start one, watch, stop, go on."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from training.config.generate import GenerationConfig, SetPrompts
from webapp.accounts.models import Role
from webapp.accounts.permissions import lacking, role_required, user_of
from webapp.core import job_states
from webapp.core.errors import UserError
from webapp.core.htmx import is_fragment
from webapp.core.paging import keyset_page
from webapp.labeling.choices import Mode
from webapp.labeling.generation import services
from webapp.labeling.generation.form import GenerationForm
from webapp.labeling.generation.job import GenerationJob
from webapp.labeling.models import LabelProject
from workers import queue

JOBS_A_PAGE = 20


@dataclass(frozen=True, slots=True)
class JobRow:
    """A generation with its config in words."""

    job: GenerationJob

    @property
    def models(self) -> list[str]:
        return [each["name"] or each["source"]["kind"] for each in self.job.config["models"]]

    @property
    def asked(self) -> str:
        config = GenerationConfig.model_validate(self.job.config)
        prompts, samples = config.prompts, config.sampling.samples
        each = f"{samples} response{'s' * (samples > 1)} a model"
        if isinstance(prompts, SetPrompts):
            problems = prompts.problems
            name = getattr(problems, "slug", "") or f"built-in arithmetic, {getattr(problems, 'level', '')}"
            return f"{prompts.count:,} prompts of {name} ({prompts.split}), {each}"
        count = len(prompts.texts)
        return f"{count:,} typed prompt{'s' * (count > 1)}, {each}"

    @property
    def left_out(self) -> list[str]:
        """What of it became no item or no response, in words."""
        told = self.job.report
        words = (
            ("left_out", "Prompts left out for want of different responses"),
            ("short", "Items with fewer responses than wanted, as the models repeated themselves"),
            ("same", "Responses that two models gave alike, shown once as the first one's"),
            ("too_long", "Prompts too long for a model's context"),
        )
        return [f"{sentence}: {told[name]:,}." for name, sentence in words if told.get(name)]


@require_http_methods(["GET", "POST"])
def generate(request: HttpRequest, slug: str) -> HttpResponse:
    """The jobs of a project; to researchers also the form, and its answer."""
    project = get_object_or_404(LabelProject, slug=slug)
    may_start = user_of(request).is_researcher and project.mode != Mode.TREE_STEP
    if request.method == "POST":
        return _start(request, project)
    return _page(request, project, GenerationForm(project) if may_start else None)


def _start(request: HttpRequest, project: LabelProject) -> HttpResponse:
    user = user_of(request)
    if not user.is_researcher:
        raise UserError(lacking(user, Role.RESEARCHER), status=403)
    if project.mode == Mode.TREE_STEP:
        raise UserError("Steps of trees come from searches; whole responses cannot be labeled in this project.")
    form = GenerationForm(project, request.POST)
    if not form.is_valid() or form.config is None:
        return _page(request, project, form, status=422)
    services.start_generation(project, form.config, user=user, start_id=form.cleaned_data["start_id"])
    return redirect("labeling:generate", project.slug)


@require_GET
def job(request: HttpRequest, slug: str, job_id: int) -> HttpResponse:
    """A job's row, which asks for itself while the job is under way."""
    found = _get(slug, job_id)
    if not is_fragment(request):
        return redirect("labeling:generate", slug)
    return render(request, "labeling/generation_job.html", {"row": JobRow(found), "project": found.project})


@require_POST
@role_required(Role.RESEARCHER)
def stop(request: HttpRequest, slug: str, job_id: int) -> HttpResponse:
    job_states.stop(_get(slug, job_id))
    return redirect("labeling:generate", slug)


@require_POST
@role_required(Role.RESEARCHER)
def go_on(request: HttpRequest, slug: str, job_id: int) -> HttpResponse:
    job_states.go_on(_get(slug, job_id), queue.generate_items)
    return redirect("labeling:generate", slug)


def _page(request: HttpRequest, project: LabelProject, form: GenerationForm | None, status: int = 200) -> HttpResponse:
    jobs = project.generations.select_related("created_by")
    page = keyset_page(jobs, by="id", descending=True, cursor=request.GET.get("after", ""), size=JOBS_A_PAGE)
    context = {
        "project": project,
        "form": form,
        "rows": [JobRow(each) for each in page.rows],
        "next_cursor": page.next_cursor,
        "nav": "label",
    }
    return render(request, "labeling/generate.html", context, status=status)


def _get(slug: str, job_id: int) -> GenerationJob:
    jobs = GenerationJob.objects.select_related("project", "created_by")
    return get_object_or_404(jobs, project__slug=slug, pk=job_id)
