"""Runs the deployment in real containers, from the build to a backup that is restored.

    python -m tests.deployment.containers
    python -m tests.deployment.containers --also FILE      # one more compose file, say for the network of builds

Builds the images and starts `docker/compose.yml` as a project of its own, whose containers and volumes are removed in
the end. Somebody logs in with a browser, sees the demo run learn and has a program run in a sandbox; then trainers are
killed, and a backup is taken and put back. Needs a Docker engine with compose, and root, as which alone a folder for
backups can be given to the containers' user. Takes some minutes.
"""

import argparse
import json
import re
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.journeys import change_password, log_in
from tests.chromium import open_browser, wait_for_scripts
from tests.deployment.closure import ROOT
from tests.deployment.exercise import LIMIT_MB, USER
from tests.workers.stack import free_port, until

PROJECT = "espalier-check"
COMPOSE = ROOT / "docker" / "compose.yml"
OWN = ("web", "worker-cpu", "worker-preflight", "worker-gpu", "worker-sandbox")
SLOW_MS = 300_000
"""Until a trainer has made its first steps beside all else."""
FENCE = 'test "$(id -u)" = 1000 && ! touch /app/x 2>/dev/null && ! touch /opt/x 2>/dev/null && touch /tmp/x'
"""Succeeds where a container's user has no rights and its file system cannot be written."""
READ_USERS = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL']).execute('SELECT * FROM accounts_user')"
APART = f'! python -c "{READ_USERS}" 2>/tmp/said && grep -q "permission denied for table accounts_user" /tmp/said'
"""Succeeds where a container does not reach the users."""
ROWS = "SELECT count(*) FROM inspection_rollout"


class Deployment:
    """The compose file's project with secrets of its own."""

    def __init__(self, folder: Path, also: list[Path]) -> None:
        self.port, self.backups = free_port(), folder / "backups"
        self.backups.mkdir()
        subprocess.run(["chown", str(USER), self.backups], check=True)
        settings = folder / "settings"
        settings.write_text(
            f"POSTGRES_PASSWORD={secrets.token_hex(16)}\nSANDBOX_DATABASE_PASSWORD={secrets.token_hex(16)}\n"
            f"SECRET_KEY={secrets.token_hex(32)}\nPORT={self.port}\n"
            f"BACKUP_FOLDER={self.backups}\nHEARTBEAT_LOST_SECONDS=20\n"
        )
        files = [word for file in (COMPOSE, *also) for word in ("--file", str(file))]
        self._compose = ["docker", "compose", "--project-name", PROJECT, *files, "--env-file", str(settings)]

    def compose(self, *words: str) -> str:
        """What it wrote. Raises SystemExit with all it said where it fails."""
        done = subprocess.run([*self._compose, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"docker compose {' '.join(words)}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
        return done.stdout

    def states(self) -> dict[str, str]:
        """Of each service that has a container: its health, or its state where nobody asks for its health."""
        lines = self.compose("ps", "--all", "--format", "json").splitlines()
        return {each["Service"]: each["Health"] or each["State"] for each in map(json.loads, lines)}

    def start(self) -> None:
        """Start what does not run; those that others wait for are healthy then."""
        self.compose("up", "--detach")

    def all_healthy(self) -> None:
        """Wait until every service says so. Workers are asked every two minutes."""
        until(lambda: all(self.states().get(name) == "healthy" for name in OWN), 300, lambda: str(self.states()))

    def ask(self, query: str) -> str:
        """What the database answers: values with | between them."""
        psql = ("psql", "--username", "espalier", "--tuples-only", "--no-align", "--command", query)
        return self.compose("exec", "--no-TTY", "postgres", *psql).strip()


@contextmanager
def told(what: str) -> Iterator[None]:
    """Say how long it took."""
    since = time.monotonic()
    yield
    print(f"{time.monotonic() - since:6.1f} s  {what}", flush=True)


def size_of(image: str) -> float:
    """MB that an image takes on disk."""
    words = ["docker", "image", "inspect", "--format", "{{.Size}}", image]
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout) / 1e6


def visit(page: Page, deployment: Deployment) -> None:
    """As the first admin: log in, see the demo run learn, have a program run."""
    password = re.search(r"password: (\S+)", deployment.compose("logs", "prepare"))
    assert password, "prepare tells no password"
    log_in(page, password[1])
    change_password(page, password[1])
    page.goto("/runs/1/")
    expect(page.locator("[data-part=header]")).to_contain_text(re.compile(r"Step\s*[1-9]"), timeout=SLOW_MS)
    page.goto("/sandbox/")
    page.get_by_label("Program").fill("print(6 * 7)")
    page.get_by_role("button", name="Run program").click()
    expect(page.get_by_role("region", name="Result")).to_contain_text("42")
    print(f"         isolation: {page.locator('.facts .mono').first.inner_text()}")


def kill_trainers(deployment: Deployment) -> None:
    """SIGKILL to all that trains: the run goes on in a new container."""
    step = int(deployment.ask("SELECT step FROM runs_run"))
    deployment.compose("kill", "worker-gpu")
    deployment.start()

    def goes_on() -> bool:
        attempt, reached, status = deployment.ask("SELECT attempt, step, status FROM runs_run").split("|")
        return int(attempt) > 1 and (int(reached) > step or status == "succeeded")

    until(goes_on, SLOW_MS / 1000, lambda: deployment.ask("SELECT * FROM runs_run"))


def back_up_and_restore(deployment: Deployment) -> None:
    """While all runs; then put back over what came of it since."""
    before = int(deployment.ask(ROWS))
    deployment.compose("run", "--rm", "--no-TTY", "backup")
    (file,) = deployment.backups.iterdir()
    print(f"         {file.stat().st_size / 1e6:.1f} MB, {before} responses")
    deployment.compose("stop", *OWN)
    deployment.compose("exec", "--no-TTY", "postgres", "psql", "--username", "espalier", "--command",
                       "TRUNCATE inspection_rollout CASCADE")  # fmt: skip
    words = ("python", "manage.py", "restore", f"/backups/{file.name}", "--replace")
    deployment.compose("run", "--rm", "--no-TTY", "backup", *words)
    after = int(deployment.ask(ROWS))
    assert after >= before > 0, f"{before} responses were backed up, and {after} restored"
    deployment.start()


def check(deployment: Deployment) -> None:
    with told("until both images are built"):
        deployment.compose("build")
    print(f"         web {size_of('espalier:web'):.0f} MB, train {size_of('espalier:train'):.0f} MB")
    assert size_of("espalier:web") < LIMIT_MB, "The image web has grown beyond its limit."
    with told("until it has started"):
        deployment.start()
    with told("without rights, on file systems that cannot be written"):
        for name in OWN:
            deployment.compose("exec", "--no-TTY", name, "sh", "-c", FENCE)
        deployment.compose("exec", "--no-TTY", "worker-sandbox", "sh", "-c", APART)
    for browser in open_browser():
        with told("until the demo run has made a step, and a sandbox has run a program"):
            page = browser.new_page(base_url=f"http://127.0.0.1:{deployment.port}")
            wait_for_scripts(page)
            visit(page, deployment)
    with told("until a run whose trainer was killed goes on"):
        kill_trainers(deployment)
    with told("backup, and its restoration"):
        back_up_and_restore(deployment)
    with told("until every service is healthy again"):
        deployment.all_healthy()
    with told("until all have stopped"):
        deployment.compose("stop")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--also", type=Path, action="append", default=[], help="a further compose file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-containers-") as name:
        deployment = Deployment(Path(name), options.also)
        try:
            check(deployment)
        except BaseException:
            print(deployment.compose("logs", "--tail", "40"))
            raise
        finally:
            deployment.compose("down", "--volumes", "--remove-orphans")
    print("The deployment works in containers.")


if __name__ == "__main__":
    main()
