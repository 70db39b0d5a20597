"""Reads a Dockerfile and says what is wrong with it, where no Docker runs: the rules that matter here of those that
hadolint checks, and whether what it copies and starts is there."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

KNOWN = {
    "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "SHELL", "STOPSIGNAL",
    "USER", "VOLUME", "WORKDIR",
}  # fmt: skip
OWN_PROGRAMS = {"python", "tini", "sh"}


@dataclass
class Stage:
    """From one FROM to the next: pairs of instruction and the rest of its line, joined."""

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, instruction: str) -> str:
        """The one that counts; empty where there is none."""
        return next((rest for name, rest in reversed(self.steps) if name == instruction), "")

    def all(self, instruction: str) -> list[str]:
        """In their order."""
        return [rest for name, rest in self.steps if name == instruction]


def stages(text: str) -> list[Stage]:
    """All of them. Raises ValueError for what is no instruction."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found: list[Stage] = []
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if not line.strip():
            continue
        name, _, rest = line.strip().partition(" ")
        if name.upper() not in KNOWN:
            raise ValueError(f"{name} is no instruction that is used here")
        if name.upper() == "FROM":
            base, _, alias = re.sub(r"\s+", " ", rest).partition(" AS ")
            found.append(Stage(alias.strip(), base.strip()))
        elif found:
            found[-1].steps.append((name.upper(), re.sub(r"\s+", " ", rest).strip()))
    return found


def faults(text: str, root: Path, targets: set[str]) -> list[str]:
    """What is wrong, in words; ``targets`` are the stages that become images."""
    found = stages(text)
    names = [stage.name for stage in found]
    told = [f"there is no stage {name}" for name in sorted(targets - set(names))]
    for number, stage in enumerate(found):
        told += [f"{stage.name}: {fault}" for fault in _of_stage(stage, names[:number], root)]
        if stage.name in targets:
            told += [f"{stage.name}: {fault}" for fault in _of_image(stage, found, root)]
    return told


def lineage(stage: Stage, found: list[Stage]) -> list[Stage]:
    """The stage and those it is built on."""
    base = next((other for other in found if other.name == stage.base), None)
    return [stage, *(lineage(base, found) if base else [])]


def command(words: str) -> list[str]:
    """A CMD or ENTRYPOINT as a list. Raises ValueError where it would go through a shell, which swallows signals."""
    value = json.loads(words)
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError("no list of words")
    return value


def missing_program(words: list[str], root: Path) -> str:
    """What of a command is not there; empty when all is."""
    scripts = {script.name for script in entry_points(group="console_scripts")}
    if words[0] not in scripts | OWN_PROGRAMS:
        return f"no requirement installs {words[0]}"
    if words[0] == "python" and len(words) > 1 and words[1].endswith(".py") and not (root / words[1]).is_file():
        return f"there is no {words[1]}"
    if words[0] == "python" and words[1:2] == ["manage.py"] and not list(root.glob(f"*/**/commands/{words[2]}.py")):
        return f"manage.py has no command {words[2]}"
    return ""


def _of_stage(stage: Stage, earlier: list[str], root: Path) -> Iterator[str]:
    if stage.base not in {*earlier, "scratch"} and (":" not in stage.base or stage.base.endswith(":latest")):
        yield f"{stage.base} has no version"
    for rest in stage.all("COPY"):
        origin = re.match(r"--from=(\S+) ", rest)
        if origin and origin[1] not in earlier:
            yield f"it copies from {origin[1]}, which is no earlier stage"
        if not origin:
            *sources, _ = [word for word in rest.split() if not word.startswith("--")]
            yield from (f"it copies {source}, which is not there" for source in sources if not (root / source).exists())
    for rest in stage.all("RUN"):
        if "apt-get install" in rest and not (
            "--no-install-recommends" in rest and "rm -rf /var/lib/apt/lists" in rest
        ):
            yield "apt-get leaves what nobody needs"
        if "apt-get install" in rest and "apt-get update" not in rest:
            yield "apt-get installs from an old list"
        if re.search(r"\bsudo\b|\bcurl\b.*\|", rest):
            yield "it runs what it has not checked, or as another user"
    yield from (f"WORKDIR {rest} is not absolute" for rest in stage.all("WORKDIR") if not rest.startswith("/"))


def _of_image(stage: Stage, found: list[Stage], root: Path) -> Iterator[str]:
    line = lineage(stage, found)
    user = next((each.last("USER") for each in line if each.last("USER")), "root")
    if user in {"root", "0"}:
        yield "it runs as root"
    for instruction in ("CMD", "ENTRYPOINT"):
        words = next((each.last(instruction) for each in line if each.last(instruction)), "")
        try:
            lacking = missing_program(command(words), root)
        except ValueError:
            yield f"{instruction} is no list of words"
        else:
            if lacking:
                yield f"{instruction}: {lacking}"
