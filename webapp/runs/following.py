"""What commands say of a run that they follow, and how they end."""

from webapp.runs.models import Run

SHOWN = {"reward/mean": "reward", "heldout/pass_at_1": "held-out pass@1", "heldout/loss": "held-out loss"}
"""Metrics that are shown while one follows, with a short name each."""
STOPPED, FAILED = 3, 1
"""Exit codes when what was followed did not succeed."""


def progress_words(run: Run) -> str:
    """State, step and the latest figures, on one line."""
    figures = [f"{name} {run.latest[key]:.3f}" for key, name in SHOWN.items() if run.latest.get(key) is not None]
    return "  ".join([f"{run.state.label.lower():9} step {run.step}/{run.total_steps}", *figures])
