"""No attack gets anywhere, under any isolation; and each would be noticed if it did."""

import os
import subprocess
import sys

import pytest

from tests.training.sandbox.attacks import Attack, told
from tests.training.sandbox.attacks.state import CLEAN, HOLDER, POISON, SEEKER
from tests.training.sandbox.conftest import ATTACKS, Battle
from tests.training.sandbox.programs import PROGRAMS, Program
from tests.training.sandbox.situations import ORDINARY_USER, SYSTEM_PYTHON, TIERS, bait, escapes
from training.sandbox.types import ExecutionResult

ALL = (*ATTACKS, *POISON, CLEAN, HOLDER, SEEKER)


def _told(result: ExecutionResult) -> str:
    return f"{result.status} {result.exit_code} {result.detail}\n{result.stdout[-1500:]}\n{result.stderr[-1500:]}"


@pytest.mark.parametrize("attack", ALL, ids=lambda attack: attack.name)
@pytest.mark.parametrize("tier", TIERS)
def test_an_attack_is_held(battle: Battle, tier: str, attack: Attack) -> None:
    result = battle.fields[tier].results[attack.name]
    assert not escapes(result), _told(result)
    assert result.status in attack.statuses, _told(result)
    assert result.tier == tier
    assert result.wall_s < attack.seconds + 8
    assert len(result.stdout) <= 65_536
    assert len(result.stderr) <= 65_536


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
@pytest.mark.parametrize("tier", TIERS)
def test_an_ordinary_program_runs_beside_attacks(battle: Battle, tier: str, program: Program) -> None:
    if (program.needs == "files" and tier.startswith("ll")) or (program.needs and tier == "ll-user"):
        assert battle.fields[tier].results[program.name].status == "error"
        return
    result = battle.fields[tier].results[program.name]
    assert result.status == ("error" if program.exit_code else "ok"), _told(result)
    assert (result.stdout.strip(), result.exit_code, result.value) == (program.prints, program.exit_code, program.value)


@pytest.mark.parametrize("tier", TIERS)
def test_nothing_stays_behind(battle: Battle, tier: str) -> None:
    field = battle.fields[tier]
    assert field.processes_left == []
    assert (field.status.in_flight, field.status.queued, field.status.restarts) == (0, 0, 0), field.status
    assert sum(field.status.outcomes.values()) == len(field.results) == len(ALL) + len(PROGRAMS)
    assert not field.status.failures


@pytest.mark.parametrize("tier", TIERS)
def test_closing_ends_all_and_says_so(battle: Battle, tier: str) -> None:
    field = battle.fields[tier]
    assert {result.status for result in field.closed} == {"sandbox_died"}
    assert field.outlived == []


def test_nothing_of_the_machine_was_touched(battle: Battle) -> None:
    assert battle.traces == []
    assert battle.mounts_left == set()


@pytest.mark.parametrize("tier", TIERS)
def test_metadata_of_files_is_hidden_where_there_is_a_file_system_of_ones_own(battle: Battle, tier: str) -> None:
    seen = battle.fields[tier].results["look at metadata"].stdout
    assert ("visible" in seen) == tier.startswith("ll")


@pytest.mark.parametrize("attack", [each for each in ATTACKS if each.open], ids=lambda attack: attack.name)
def test_the_attack_works_where_nothing_isolates_it(attack: Attack) -> None:
    """A program that could not notice an escape would prove nothing."""
    is_root = os.geteuid() == 0
    user = {"user": ORDINARY_USER, "group": ORDINARY_USER, "extra_groups": []} if is_root else {}
    command = [SYSTEM_PYTHON if is_root else sys.executable, "-c"]
    with bait() as laid:
        command.append(told(attack.program, laid.names([1])))
        run = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd="/", **user)
    assert "ESCAPE" in run.stdout, run.stdout + run.stderr
