"""Whether a run games its learned reward: proxy, gold and distance over its evaluations, and the six signs.

The signs are read by the monitor that the trainer itself asks, fed with the stored figures.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from training.config import OveroptimisationConfig
from training.overoptimisation.evaluations import FEWEST_FITTED, Fit, Judged, fit_of
from training.overoptimisation.monitor import CODE, OveroptimisationMonitor, Reading, amount
from training.overoptimisation.signals import GOLD, KL, LEARNED, PROXY, STEPWISE, Measure
from webapp.runs import series
from webapp.runs.models import Run
from webapp.runs.series import MOST_POINTS, Curves

LOW, HIGH = f"{GOLD}_low", f"{GOLD}_high"
CURVE_POINTS = 80
"""Points of a fitted curve as it is drawn."""
MOST_ROWS = 200
"""Evaluations in the table; older ones are in the charts' own tables."""


def pays_by_model(run: Run) -> bool:
    """Whether a reward model has a say in what responses of a run earn."""
    learned = run.config.get("method", {}).get("reward", {}).get("learned") or {}
    return bool(learned.get("model", {}).get("kind", "none") != "none" or LEARNED in run.latest)


def last_before_alarm(run: Run) -> int | None:
    """Step of the newest checkpoint on disk from before the first sign came up; None without a sign or checkpoint."""
    first = run.alerts.filter(code__startswith=CODE).order_by("step").values_list("step", flat=True).first()
    if first is None:
        return None
    kept = run.checkpoints.filter(removed_at=None, step__lt=first).order_by("-step")
    return kept.values_list("step", flat=True).first()


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One evaluation."""

    step: int
    distance: float | None
    """√KL to the reference, √nats."""
    gold: float
    low: float | None
    high: float | None
    """Ends of the 95 % interval of gold."""
    proxy: float | None

    @property
    def kl(self) -> float | None:
        """Nats a response."""
        return None if self.distance is None else self.distance**2


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """A measure of a sign in words."""

    label: str
    value: str
    threshold: str
    word: str
    tone: str
    icon: str
    note: str

    @classmethod
    def of(cls, measure: Measure) -> "MeasureRow":
        """The same for people."""
        if measure.holds:
            word, tone, icon = "past it", "warn", "⚠"
        elif measure.value is None or measure.threshold is None:
            word, tone, icon = "not known yet", "", "…"
        else:
            word, tone, icon = "quiet", "good", "✓"
        sign = "<" if measure.below else ">"
        threshold = "–" if measure.threshold is None else f"{sign} {amount(measure.threshold, measure.unit)}"
        return cls(measure.label, amount(measure.value, measure.unit), threshold, word, tone, icon, measure.note)


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A sign with its measures."""

    reading: Reading
    measures: list[MeasureRow]


@dataclass(frozen=True)
class Page:
    """All that the page of a run shows."""

    run: Run
    config: OveroptimisationConfig
    evaluated: list[Evaluated]
    track: list[tuple[int, float, float]]
    """Of training steps: step, distance and mean learned reward."""
    readings: list[Reading]
    alarm: int | None
    bin_steps: int
    """Training steps that a point of the figures sums up."""

    @cached_property
    def fit(self) -> Fit | None:
        """Gold against distance, in the form found for reinforcement learning."""
        return fit_of(self._judged())

    @cached_property
    def best_of_n_fit(self) -> Fit | None:
        """The same points in the form found for the best of n."""
        return fit_of(self._judged(), "best_of_n")

    @property
    def peak_kl(self) -> float | None:
        """KL at the fitted best, nats a response."""
        return self.fit.peak.distance**2 if self.fit and self.fit.peak else None

    @property
    def missing(self) -> int:
        """Evaluations that a fit still lacks."""
        return max(FEWEST_FITTED - sum(bool(each.distance) for each in self.evaluated), 0)

    @property
    def signals(self) -> list[SignalRow]:
        """The rows of the table of signs."""
        return [SignalRow(each, [MeasureRow.of(measure) for measure in each.measures]) for each in self.readings]

    @property
    def rows(self) -> list[Evaluated]:
        """Evaluations, newest first."""
        return self.evaluated[::-1][:MOST_ROWS]

    def as_json(self) -> dict[str, object]:
        """What the page's script draws."""
        away = [each for each in self.evaluated if each.distance is not None]
        far = max([each.distance or 0.0 for each in away] + [distance for _, distance, _ in self.track], default=0.0)
        return {
            "run": str(self.run.pk),
            "gold": {
                "steps": [each.step for each in away],
                "distances": [each.distance for each in away],
                "values": [each.gold for each in away],
                "lows": [each.low for each in away],
                "highs": [each.high for each in away],
            },
            "proxy": {
                "steps": [step for step, _, _ in self.track],
                "distances": [distance for _, distance, _ in self.track],
                "values": [value for _, _, value in self.track],
            },
            "fits": {"rl": _drawn(self.fit, far), "best_of_n": _drawn(self.best_of_n_fit, far)},
            "budget": None if self.config.kl_budget is None else self.config.kl_budget**0.5,
            "alarm": self.alarm,
        }

    def _judged(self) -> list[Judged]:
        return [Judged(each.step, each.distance, each.gold, each.proxy) for each in self.evaluated]


def read_page(run: Run) -> Page:
    """What is known of a run; its figures at the finest resolution that a page can hold."""
    level = series.level_for(0, run.step, MOST_POINTS)
    curves = series.read([run.pk], [*STEPWISE, GOLD, PROXY, LOW, HIGH], level=level)
    config = OveroptimisationConfig.model_validate(run.config.get("method", {}).get("overoptimisation") or {})
    monitor = OveroptimisationMonitor(config)
    at = _by_step(curves)
    for step in sorted(at):
        trained = {name: value for name, value in at[step].items() if name in STEPWISE}
        for figures in (trained, {name: value for name, value in at[step].items() if name not in STEPWISE}):
            monitor.observe(step, figures)
    return Page(
        run=run,
        config=config,
        evaluated=[
            Evaluated(each.step, each.distance, each.gold, at[each.step].get(LOW), at[each.step].get(HIGH), each.proxy)
            for each in monitor.evaluations
        ],
        track=[
            (step, max(figures[KL], 0.0) ** 0.5, figures[LEARNED])
            for step, figures in sorted(at.items())
            if KL in figures and LEARNED in figures
        ],
        readings=monitor.readings(),
        alarm=monitor.alarm,
        bin_steps=2**level,
    )


def _by_step(curves: Curves) -> dict[int, dict[str, float]]:
    """Figures by step and name."""
    at: dict[int, dict[str, float]] = defaultdict(dict)
    for (_, name), curve in curves.items():
        for step, value in zip(curve.steps, curve.values, strict=True):
            if value is not None:
                at[step][name] = value
    return at


def _drawn(fit: Fit | None, far: float) -> dict[str, object] | None:
    """A fitted curve from near the start to a little beyond the farthest point."""
    if fit is None:
        return None
    places = [far * 1.15 * number / CURVE_POINTS for number in range(CURVE_POINTS + 1)]
    return {
        "distances": places,
        "values": [fit.start + fit.curve.gold(place) for place in places],
        "a": fit.curve.a,
        "b": fit.curve.b,
        "points": fit.points,
        "peak": None if fit.peak is None else {"distance": fit.peak.distance, "gold": fit.start + fit.peak.gold},
    }
