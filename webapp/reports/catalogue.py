"""All reports there are: those shipped as files, and those that users made."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from pydantic import ValidationError

from webapp.core.errors import UserError
from webapp.reports.definition import Definition
from webapp.reports.models import Report

FOLDER = Path(__file__).parent / "definitions"


@dataclass(frozen=True, slots=True)
class Known:
    """A report, and its row where it has one."""

    definition: Definition
    report: Report | None
    shipped: bool


@cache
def shipped() -> dict[str, Definition]:
    """The definitions that come with Espalier, by name."""
    found = [Definition.model_validate(yaml.safe_load(path.read_text())) for path in sorted(FOLDER.glob("*.yaml"))]
    return {definition.name: definition for definition in found}


def read_definition(text: str) -> Definition:
    """The definition that a YAML text holds. Raises UserError with all that is wrong with it."""
    try:
        return Definition.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise UserError(f"This is not YAML: {error}") from error
    except ValidationError as error:
        told = [f"{'.'.join(map(str, each['loc'])) or 'the file'}: {each['msg']}" for each in error.errors()]
        raise UserError("This is no definition of a report:\n" + "\n".join(f"  {each}" for each in told)) from error


def names() -> list[str]:
    """What ``report NAME`` knows."""
    rows = Report.objects.order_by("slug").values_list("slug", flat=True)
    return list(dict.fromkeys([*shipped(), *rows]))


def find(name: str) -> Known | None:
    """A report by its name; None when there is none. Raises UserError when its definition cannot be read any more."""
    report = Report.objects.select_related("owner").filter(slug=name).first()
    if definition := shipped().get(name):
        return Known(definition, report, True)
    if report is None:
        return None
    try:
        return Known(Definition.model_validate(report.definition), report, False)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"The report {report.title} was made by another version of Espalier and cannot be read: {first['msg']}. "
            "Make it anew from its runs."
        ) from error
