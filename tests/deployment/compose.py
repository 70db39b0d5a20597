"""Reads compose files and says what is wrong with them, where no Docker runs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.deployment.dockerfile import missing_program

SERVICE_KEYS = {
    "build", "cap_add", "cap_drop", "command", "depends_on", "deploy", "environment", "healthcheck", "image",
    "logging", "mem_limit", "networks", "pids_limit", "ports", "profiles", "read_only", "restart", "security_opt",
    "shm_size", "stop_grace_period", "tmpfs", "user", "volumes",
}  # fmt: skip
TOP_KEYS = {"name", "services", "networks", "volumes"}
CONDITIONS = {"service_healthy", "service_completed_successfully", "service_started"}
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::[-?][^}]*)?\}")
OURS = "espalier:"
WEB = "espalier:web"
"""Its image has a health check of its own."""


def variables(text: str) -> set[str]:
    """Names that a compose file reads from the environment."""
    return set(VARIABLE.findall(text))


def listed(example: str) -> set[str]:
    """Names that a file of settings sets."""
    return set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))


def faults(text: str, root: Path, stages: set[str]) -> list[str]:
    """What is wrong, in words; ``stages`` are those of the Dockerfile."""
    content = yaml.safe_load(text)
    services = content["services"]
    told = [f"{key} is no key of a compose file" for key in content if key not in TOP_KEYS and not key.startswith("x-")]
    if "$" in VARIABLE.sub("", text).replace("$$", ""):
        told.append("there is a $ that names no variable")
    for name, service in services.items():
        told += [f"{name}: {fault}" for fault in _of_service(service, content, root, stages)]
        if str(service.get("image", "")).startswith(OURS):
            told += [f"{name}: {fault}" for fault in _hardening(service)]
    return told


def words_of(service: dict[str, Any]) -> list[str]:
    """A service's command; empty where the image says it."""
    return [str(word) for word in service.get("command", ())]


def _of_service(service: dict[str, Any], content: dict[str, Any], root: Path, stages: set[str]) -> Iterator[str]:
    yield from (f"{key} is no key that is used here" for key in service if key not in SERVICE_KEYS)
    image, build = str(service.get("image", "")), service.get("build")
    if ":" not in image or image.endswith(":latest"):
        yield f"the image {image!r} has no version"
    if build and build["target"] not in stages:
        yield f"there is no stage {build['target']}"
    if build and not (root / "docker" / build["context"] / build["dockerfile"]).is_file():
        yield f"there is no {build['dockerfile']}"
    for other, how in (service.get("depends_on") or {}).items():
        if other not in content["services"] or how["condition"] not in CONDITIONS:
            yield f"it waits for {other}: {how['condition']}"
        elif how["condition"] == "service_healthy" and "healthcheck" not in content["services"][other]:
            yield f"{other} has no health check to wait for"
    for volume in service.get("volumes", ()):
        source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
        if not source.startswith((".", "/")) and source not in content["volumes"]:
            yield f"there is no volume {source}"
    yield from (
        f"there is no network {name}" for name in service.get("networks", ()) if name not in content["networks"]
    )
    if "logging" not in service:
        yield "nothing bounds its log"
    if image == WEB and words_of(service) and "healthcheck" not in service:
        yield "it is no web, and the health check of its image asks one"
    if image.startswith(OURS) and (words := words_of(service)) and (lacking := missing_program(words, root)):
        yield lacking


def _hardening(service: dict[str, Any]) -> Iterator[str]:
    if not service.get("read_only") or not service.get("tmpfs"):
        yield "its root can be written, or it has no /tmp"
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add"):
        yield "it has capabilities"
    if "no-new-privileges:true" not in service.get("security_opt", ()):
        yield "its processes can gain privileges"
    if str(service.get("user", "root")) in {"root", "0"}:
        yield "it runs as root"
