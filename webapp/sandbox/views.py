"""The page, its polled parts, and the console's two addresses."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required, user_of
from webapp.core.errors import UserError
from webapp.core.htmx import is_fragment
from webapp.inspection import twins
from webapp.sandbox.console import ConsoleForm, ask, open_console
from webapp.sandbox.figures import DEFAULT_WINDOW, WINDOWS, read_figures
from webapp.sandbox.models import ConsoleCall
from webapp.sandbox.page import read_page
from webapp.sandbox.result import Shown


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Everything; ``run`` and ``call`` fill the console, ``window`` is that of the charts."""
    shown = read_page()
    if twins.wants_json(request):
        return twins.answer(shown.as_json())
    console = open_console(request.GET)
    context = {
        "page": shown,
        "console": console,
        "shown": console.ran and Shown(console.ran),
        "windows": [(key, words) for key, (_, words) in WINDOWS.items()],
        "window": _window(request),
        "nav": "sandbox",
    }
    return render(request, "sandbox/page.html", context)


@require_GET
def status(request: HttpRequest) -> HttpResponse:
    """The polled part."""
    return render(request, "sandbox/status.html", {"page": read_page()})


@require_GET
def figures(request: HttpRequest) -> JsonResponse:
    """What the charts draw; see `read_figures`."""
    return JsonResponse(read_figures(_window(request)))


@require_POST
@role_required(Role.RESEARCHER)
def run(request: HttpRequest) -> HttpResponse:
    """Run a program; htmx gets the place of its result, and the page an address of its own."""
    form = ConsoleForm(request.POST)
    if not form.is_valid():
        raise UserError(" ".join(f"{form[name].label}: {error}" for name in form.errors for error in form.errors[name]))
    row = ask(form, user_of(request))
    address = f"{reverse('sandbox:page')}?run={row.pk}"
    if not is_fragment(request):
        return redirect(address)
    response = render(request, "sandbox/result.html", {"shown": Shown(row)})
    response["HX-Push-Url"] = address
    return response


@require_GET
def result(request: HttpRequest, call_id: int) -> HttpResponse:
    """What came of it so far."""
    row = get_object_or_404(ConsoleCall.objects.select_related("created_by"), pk=call_id)
    return render(request, "sandbox/result.html", {"shown": Shown(row)})


def _window(request: HttpRequest) -> str:
    asked = request.GET.get("window", "")
    return asked if asked in WINDOWS else DEFAULT_WINDOW
