"""The files of the deployment agree with the project and with one another; and a fault in them is found."""

import subprocess
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.deployment import compose, dockerfile
from tests.deployment.closure import ROOT
from tests.deployment.exercise import Image
from webapp.settings import Environment

DOCKER = ROOT / "docker"
IMAGES = {"web", "train"}
DOCKERFILE = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (DOCKER / "compose.yml").read_text(encoding="utf-8")
STAGES = {stage.name for stage in dockerfile.stages(DOCKERFILE)}
NOT_DEPLOYED = {"debug", "hashed_static", "sandbox_workers"}
"""Settings of development and of `manage.py up`."""
OF_PREPARE = {"sandbox_database_password"}
"""Of no use to any other."""


def test_the_dockerfile_has_no_fault() -> None:
    assert dockerfile.faults(DOCKERFILE, ROOT, IMAGES) == []


def test_the_compose_file_has_no_fault() -> None:
    assert compose.faults(COMPOSE, ROOT, STAGES) == []


def test_what_gives_trainers_gpus_names_services_of_the_compose_file() -> None:
    further = yaml.safe_load((DOCKER / "compose.gpu.yml").read_text(encoding="utf-8"))["services"]
    assert set(further) <= set(yaml.safe_load(COMPOSE)["services"])


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("COPY manage.py ./", "COPY manager.py ./", "it copies manager.py, which is not there"),
        ("--from=web-build /app", "--from=webbuild /app", "it copies from webbuild"),
        ("USER 1000", "USER root", "it runs as root"),
        ("FROM python:${PYTHON}-slim AS base", "FROM python AS base", "python has no version"),
        ('CMD ["gunicorn", "webapp.wsgi"', 'CMD ["unicorn", "webapp.wsgi"', "no requirement installs unicorn"),
        ('ENTRYPOINT ["tini", "--"]', "ENTRYPOINT tini --", "ENTRYPOINT is no list of words"),
        (" --no-install-recommends tini", " tini", "apt-get leaves what nobody needs"),
        ("WORKDIR /app", "WORKDIR app", "is not absolute"),
    ],
)
def test_a_fault_of_the_dockerfile_is_found(before: str, after: str, fault: str) -> None:
    assert before in DOCKERFILE
    assert any(fault in told for told in dockerfile.faults(DOCKERFILE.replace(before, after), ROOT, IMAGES))


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("target: web", "target: webb", "there is no stage webb"),
        ("image: postgres:18", "image: postgres", "has no version"),
        ("read_only: true", "read_only: false", "its root can be written"),
        ("cap_drop: [ALL]", "cap_drop: []", "it has capabilities"),
        ('user: "1000"', 'user: "0"', "it runs as root"),
        ("- data:/data", "- date:/data", "there is no volume date"),
        ("networks: [outside, inside]", "networks: [outsid, inside]", "there is no network outsid"),
        ('"manage.py", "prepare"]', '"manage.py", "prepares"]', "manage.py has no command prepares"),
        ("pids_limit", "pid_limit", "pid_limit is no key"),
        ("  restart: unless-stopped\n  logging: *logging", "  restart: unless-stopped", "web: nothing bounds its log"),
        ("    healthcheck: {disable: true}\n", "", "prepare: it is no web"),
        ("${HTTPS:-false}", "$HTTPS:-false}", "names no variable"),
        ("redis: {condition: service_healthy}", "redsi: {condition: service_healthy}", "it waits for redsi"),
    ],
)
def test_a_fault_of_the_compose_file_is_found(before: str, after: str, fault: str) -> None:
    assert before in COMPOSE
    assert any(fault in told for told in compose.faults(COMPOSE.replace(before, after), ROOT, STAGES))


def test_every_variable_is_in_the_example_and_none_is_there_that_nothing_reads() -> None:
    example = (DOCKER / ".env.example").read_text(encoding="utf-8")
    assert compose.listed(example) == compose.variables(COMPOSE)


def test_every_setting_reaches_the_containers() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    wanted = set(Environment.model_fields) - NOT_DEPLOYED
    assert {name.lower() for name in services["web"]["environment"]} >= wanted - OF_PREPARE
    assert {name.lower() for name in services["prepare"]["environment"]} >= wanted


def test_sandboxes_hold_no_secret_no_data_and_no_way_out() -> None:
    content = yaml.safe_load(COMPOSE)
    sandbox = content["services"]["worker-sandbox"]
    assert sandbox["volumes"] == []
    assert all(content["networks"][name]["internal"] for name in sandbox["networks"])
    for name in ("SECRET_KEY", "HF_TOKEN", "METRICS_TOKEN"):
        assert "$" not in sandbox["environment"][name]
    assert "POSTGRES_PASSWORD" not in str(sandbox["environment"]), "it reaches its own tables alone"


def test_every_queue_has_a_worker_whose_image_can_do_its_work() -> None:
    from workers.app import CPU_QUEUE, GPU_QUEUE, PREFLIGHT_QUEUE

    services = yaml.safe_load(COMPOSE)["services"].values()
    served = {
        word.partition("=")[2]: service["image"]
        for service in services
        for word in compose.words_of(service)
        if word.startswith("--queues=")
    }
    assert served == {CPU_QUEUE: "espalier:web", PREFLIGHT_QUEUE: "espalier:train", GPU_QUEUE: "espalier:train"}


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A program of the images' build, loaded and not run."""
    monkeypatch.syspath_prepend(str(DOCKER))
    spec = util.spec_from_file_location(name, DOCKER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_environment_is_trimmed_but_the_image_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trim = script("trim", monkeypatch)
    monkeypatch.setattr(trim.sysconfig, "get_path", lambda name: str(tmp_path))
    (tmp_path / "setuptools").mkdir()
    with pytest.raises(SystemExit, match="is to be trimmed, but"):
        trim.main(tmp_path)
    assert (tmp_path / "setuptools").exists()


def test_no_step_of_a_build_runs_in_the_environment_of_the_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ran(*words: object, **options: object) -> None:
        raise AssertionError(f"{words} ran")

    monkeypatch.setattr(subprocess, "run", ran)
    for command in ("python docker/trim.py /opt/espalier", "pip install --editable ."):
        with pytest.raises(SystemExit, match="There is no environment"):
            Image(tmp_path)._run(command)


def test_nothing_is_gathered_into_the_root_directory_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="root directory of this machine"):
        script("gather", monkeypatch).Root(Path("/"))
