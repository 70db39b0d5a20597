"""What is known about the labels that a config names, and what keeps them from being learned from."""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from training.config import BuiltinRankings, PreferenceMethod, ProjectRankings, RankingsFile, RunConfig
from webapp.runs.config_forms import Fault, Fix
from webapp.runs.label_sources import LabelFacts, label_facts, projects_with_labels

LARGEST_FILE = 64 * 2**20
"""Bytes of a file of rankings that are read to count its labels."""
FEW = 100
"""Fewer ranked prompts than this teach little that holds for others; published reward models had tens of thousands."""


def ranking_facts(config: RunConfig) -> LabelFacts | None:
    """None for methods that learn from no rankings, and where there is too much to count."""
    if not isinstance(config.method, PreferenceMethod):
        return None
    match config.method.rankings:
        case BuiltinRankings(count=count):
            return LabelFacts(count, count)
        case ProjectRankings(slug=slug):
            return label_facts(slug)
        case RankingsFile(path=path):
            return _file_facts(Path(path))


def learned_prompts(config: RunConfig) -> int | None:
    """About how many ranked prompts are learned from; None where that is not known."""
    facts = ranking_facts(config)
    if facts is None or not isinstance(config.method, PreferenceMethod):
        return None
    return round(facts.prompts * (1 - config.method.heldout_share)) or None


def check_rankings(config: RunConfig, facts: object) -> Iterator[Fault]:
    found = ranking_facts(config)
    if found is None or not found.error:
        return
    kind = config.method.kind
    source = config.method.rankings.kind  # type: ignore[union-attr]  # there are facts of such methods only
    knob = f"method.{kind}.rankings.{source}." + ("path" if source == "file" else "slug")
    known = list(projects_with_labels())[:3] if source == "project" else []
    yield Fault(found.error, (knob,), tuple(Fix({knob: slug}) for slug in known))


def advise_on_rankings(config: RunConfig, facts: object) -> Iterator[Fault]:
    found = ranking_facts(config)
    if found is None or found.error or not isinstance(config.method, PreferenceMethod):
        return
    knob = f"method.{config.method.kind}.rankings"
    if found.prompts < FEW:
        yield Fault(
            f"{found.prompts:,} ranked prompts are few: what is learned will hardly hold for others.",
            (f"{knob}.kind",),
        )
    held = f"method.{config.method.kind}.heldout_share"
    if config.method.heldout_share == 0:
        yield Fault("No prompt is held out, so nothing will tell how well others are predicted.", (held,),
                    (Fix({held: 0.1}),))  # fmt: skip


def _file_facts(path: Path) -> LabelFacts | None:
    if not path.is_absolute():
        return LabelFacts(error="Give the whole path: a new run's folder is empty, so nothing can lie relative to it.")
    try:
        if path.stat().st_size > LARGEST_FILE:
            return None
        return _count(str(path), path.stat().st_mtime_ns)
    except (OSError, UnicodeDecodeError) as error:
        return LabelFacts(error=f"{path} cannot be read: {error}.")


@lru_cache(maxsize=16)
def _count(path: str, changed: int) -> LabelFacts:
    labels, prompts = 0, set()
    with Path(path).open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                label = json.loads(line)
                if len(label["responses"]) != len(label["ranks"]) or len(label["ranks"]) < 2:
                    raise ValueError("each response needs a rank, and two are the fewest")
                prompts.add(str(label["prompt"]))
            except (ValueError, KeyError, TypeError) as error:
                reason = f"not a label with prompt, responses and ranks ({error})"
                return LabelFacts(error=f"{path}, line {number}: {reason}.")
            labels += 1
    if not labels:
        return LabelFacts(error=f"{path} holds no labels.")
    return LabelFacts(labels, len(prompts))
