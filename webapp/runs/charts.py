"""Which charts a run has: what is drawn together, under which heading. A metric no chart asks for has its own."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from training.events.metrics import REFLECTIVE_WORDS, MetricInfo, metric_info


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves drawn on the same axes. In ``metrics``, ``*`` stands for any letters; exact names are served first."""

    key: str
    title: str
    metrics: tuple[str, ...]
    section: str
    stacked: bool = False
    band: tuple[str, str] | None = None
    """Metrics that bound the first curve from below and above."""


LEARNING, SEARCH, TOOLS, POLICY, OPTIMISATION, SYSTEM, REASONING, OTHER = (
    "Learning", "Search", "Tools", "Policy", "Optimisation", "Time and machine", "Reasoning", "Other",
)  # fmt: skip
SECTIONS = (LEARNING, SEARCH, TOOLS, POLICY, OPTIMISATION, SYSTEM, OTHER)
SCORE = "heldout/pass_at_1"
"""The figure runs are judged by, where they have it."""
PHASES = ("filtering", "searching", "sampling", "scoring", "updating", "evaluating", "saving")

CHARTS = (
    Chart("pass-at-1", "Held-out pass@1", (SCORE, "heldout/greedy", "heldout/pass_at_k", "heldout/maj_at_k"), LEARNING,
          band=(f"{SCORE}_low", f"{SCORE}_high")),
    Chart("reward", "Reward", ("reward/mean", "reward/*"), LEARNING),
    Chart("similarity", "Likeness to the expert's steps",
          ("srl/similarity", "srl/exact_share", "srl/format_failure_share"), LEARNING),
    Chart("srl-dropped", "Groups dropped, of those drawn", ("srl/dropped_share",), LEARNING),
    Chart("srl-rounds", "Sampling rounds", ("srl/rounds",), LEARNING),
    Chart("heldout-learned", "Held-out learned reward", ("heldout/learned",), LEARNING),
    Chart("reward-heads", "Disagreement of reward heads", ("reward/learned_spread",), LEARNING),
    Chart("reward-length", "Learned reward and length", ("reward/learned_length",), LEARNING),
    Chart("length", "Response length", ("response/length_mean", "heldout/length_mean"), LEARNING),
    Chart("truncated", "Truncated responses", ("response/truncated_share", "heldout/truncated_share"), LEARNING),
    Chart("repetition", "Repeated sequences", ("text/repeated_share",), LEARNING),
    Chart("zero-variance", "Groups of equal rewards", ("groups/zero_variance_share",), LEARNING),
    Chart("reward-spread", "Spread of rewards", ("reward/std",), LEARNING),
    Chart("length-range", "Shortest and longest response", ("response/length_min", "response/length_max"), LEARNING),
    Chart("preference-accuracy", "Pairs predicted",
          ("heldout/preference_accuracy", "preference/accuracy", "heldout/preference_unlearned",
           "preference/unlearned"), LEARNING),
    Chart("preference-margin", "Reward margin", ("heldout/preference_margin", "preference/margin"), LEARNING),
    Chart("implicit-rewards", "Implicit rewards",
          ("preference/chosen_reward", "preference/rejected_reward", "heldout/preference_chosen_reward",
           "heldout/preference_rejected_reward"), LEARNING),
    Chart("ranked-rewards", "Rewards of ranked responses",
          ("preference/reward_mean", "heldout/preference_reward_mean"), LEARNING),
    Chart("ranked-reward-spread", "Spread of rewards of ranked responses",
          ("preference/reward_std", "heldout/preference_reward_std", "preference/head_spread",
           "heldout/preference_head_spread"), LEARNING),
    Chart("trees", "Solved, uniform and exhausted trees",
          ("search/solved_share", "search/uniform_share", "search/exhausted_share"), SEARCH),
    Chart("tree-values", "Values in the trees", ("search/best_q", "search/mean_reward"), SEARCH),
    Chart("tree-tokens", "Tokens of a tree", ("search/tokens_per_tree",), SEARCH),
    Chart("tree-nodes", "Nodes of a tree", ("search/nodes",), SEARCH),
    Chart("tree-expansions", "Expansions of a tree", ("search/expansions",), SEARCH),
    Chart("tree-depth", "Depth of a tree", ("search/depth",), SEARCH),
    Chart("tree-time", "Time of a tree", ("time/per_tree_s",), SEARCH),
    Chart("tree-overhead", "Work done twice, and bookkeeping",
          ("speed/recomputed_share", "time/bookkeeping_share", "search/distinct_prefix_share"), SEARCH),
    Chart("tree-credit", "Steps pushed up", ("credit/positive_share",), SEARCH),
    Chart("tree-credit-size", "Size of advantages", ("credit/abs_mean",), SEARCH),
    Chart("cache-reuse", "Served from the cache", ("cache/reuse_share",), SEARCH),
    Chart("cache-problems", "Problems in the cache", ("cache/problems",), SEARCH),
    Chart("cache", "Solutions found and rejected", ("cache/found", "cache/rejected"), SEARCH),
    Chart("cache-saved", "Tokens saved by the cache", ("cache/tokens_saved",), SEARCH),
    Chart("hard", "Hard problems", ("hard/problems",), SEARCH),
    Chart("hard-share", "Share of hard problems", ("hard/share",), SEARCH),
    Chart("tool-calls", "Turns and tool calls",
          ("tools/turns_mean", "tools/calls_mean", "heldout/calls_mean", "batch/calls_mean"), TOOLS),
    Chart("tool-failures", "Failing calls",
          ("tools/failed_share", "tools/error_ratio_right", "heldout/failed_share", "batch/failed_share"), TOOLS),
    Chart("tool-failure-kinds", "What goes wrong with calls",
          tuple(f"tools/{kind}_share" for kind in ("error", "timeout", "memory", "malformed", "unknown_tool",
                                                   "bad_arguments", "infrastructure", "unanswered")), TOOLS),
    Chart("tool-use", "Responses that call", ("tools/used_share",), TOOLS),
    Chart("tool-limits", "Limits reached",
          ("tools/out_of_turns_share", "tools/no_room_share", "tools/cut_share"), TOOLS),
    Chart("tool-tokens", "Tool tokens", ("tools/tokens_mean",), TOOLS),
    Chart("tool-time", "Time of a call", ("time/tool_call_s", "time/tool_queue_s"), TOOLS),
    Chart("tool-idle", "Engine waits for tools", ("speed/engine_idle_share",), TOOLS),
    Chart("entropy", "Entropy", ("policy/entropy",), POLICY),
    Chart("kl", "KL divergence", ("policy/kl", "policy/kl_*"), POLICY),
    Chart("kl-sequence", "KL of a response", ("kl/sequence",), POLICY),
    Chart("kl-coefficient", "KL coefficient", ("kl/coefficient",), POLICY),
    Chart("clip", "Clipped tokens", ("policy/clip_low_share", "policy/clip_high_share"), POLICY),
    Chart("ratio", "Largest probability ratio", ("policy/ratio_max",), POLICY),
    Chart("sampler-gap", "Sampler against trainer", ("policy/sampler_gap",), POLICY),
    Chart("mismatch", "Mismatch KL", ("mismatch/kl", "mismatch/kl_k1"), POLICY),
    Chart("mismatch-ratio", "Mismatch ratio", ("mismatch/ratio_mean", "mismatch/ratio_max"), POLICY),
    Chart("mismatch-bounded", "Importance weights bounded", ("mismatch/bounded_share",), POLICY),
    Chart("loss", "Loss", ("optim/loss", "heldout/loss"), OPTIMISATION),
    Chart("grad-norm", "Gradient norm", ("optim/grad_norm", "critic/grad_norm"), OPTIMISATION),
    Chart("critic", "Explained variance of the critic", ("critic/explained_variance",), OPTIMISATION),
    Chart("critic-loss", "Value loss", ("critic/loss",), OPTIMISATION),
    Chart("critic-values", "Values and returns", ("critic/value_mean", "critic/return_mean"), OPTIMISATION),
    Chart("critic-clip", "Values clipped", ("critic/clip_share",), OPTIMISATION),
    Chart("learning-rate", "Learning rate", ("optim/learning_rate",), OPTIMISATION),
    Chart("phases", "Time per phase", tuple(f"time/{phase}_s" for phase in PHASES), SYSTEM, stacked=True),
    Chart("throughput", "Throughput", ("speed/tokens_per_s",), SYSTEM),
    Chart("step-tokens", "Tokens of a step", ("tokens/step",), SYSTEM),
    Chart("memory", "Memory", ("system/*_bytes",), SYSTEM),
    Chart("load", "Processor and GPU load", ("system/*_share",), SYSTEM),
    Chart("reflection", "Reflective words", ("reflection/per_1k_tokens",), REASONING),
    Chart("words", "Each reflective word", tuple(f"reflection/{word}_per_1k" for word in REFLECTIVE_WORDS), REASONING),
    Chart("token-classes", "Uncertain tokens by what they do",
          ("classes/forking", "classes/reflection", "classes/code", "classes/other"), REASONING),
    Chart("class-entropy", "Entropy after results, in calls, elsewhere",
          ("classes/entropy_after_result", "classes/entropy_in_call", "classes/entropy_elsewhere"), REASONING),
    Chart("interleaving", "Planning, adjusting, checking",
          tuple(f"reasoning/{sign}_share" for sign in ("planning", "adjusting", "checking", "interleaved")), REASONING),
    Chart("corrected", "Corrected after a reflective word", ("reflection/corrected_share",), REASONING),
)  # fmt: skip
ON_REASONING_PAGE = (
    "length", "reflection", "words", "corrected", "interleaving", "token-classes", "class-entropy", "truncated",
    "pass-at-1",
)  # fmt: skip
AXES = frozenset({"tokens/total", "time/step_s"})
"""What the other charts are drawn over; charts of their own would say little."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart with the metrics that it found."""

    chart: Chart
    metrics: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every series to read, bounds included."""
        return (*self.metrics, *(self.chart.band or ()))

    @property
    def infos(self) -> list[MetricInfo]:
        """What each curve means."""
        return [metric_info(name) for name in self.metrics]

    @property
    def unit(self) -> str:
        """For the heading; percent signs stand on the axis."""
        unit = metric_info(self.metrics[0]).unit
        return "" if unit == "share" else unit

    def as_json(self, run: int) -> dict[str, object]:
        """What the page's script needs to draw it."""
        first = metric_info(self.metrics[0])
        return {
            "key": self.chart.key,
            "title": self.chart.title,
            "stacked": self.chart.stacked,
            "unit": first.unit,
            "better": first.direction,
            "legend": True,
            "curves": [
                {
                    "source": str(run),
                    "name": name,
                    "label": metric_info(name).title,
                    "band": self.chart.band if index == 0 else None,
                    "colour": index % 8 + 1,
                    "group": "",
                }
                for index, name in enumerate(self.metrics)
            ],
        }


def charts_of(names: Iterable[str]) -> list[Drawn]:
    """The charts for these metrics, in the page's order; each metric is drawn once."""
    bounds = {bound for chart in CHARTS for bound in chart.band or ()}
    left = [name for name in dict.fromkeys(names) if name not in AXES and name not in bounds]
    exact = {name for chart in CHARTS for name in chart.metrics}
    drawn = []
    for chart in CHARTS:
        found = dict.fromkeys(name for pattern in chart.metrics for name in left if _wants(pattern, name, exact))
        if found:
            drawn.append(Drawn(chart, tuple(found)))
    taken = {name for each in drawn for name in each.metrics}
    return drawn + [_alone(name) for name in left if name not in taken]


def key_for(metric: str) -> str:
    """Key of the chart that draws a metric."""
    return charts_of([metric])[0].chart.key if metric not in AXES else ""


def _wants(pattern: str, name: str, exact: set[str]) -> bool:
    return pattern == name or (name not in exact and fnmatchcase(name, pattern))


def _alone(name: str) -> Drawn:
    return Drawn(Chart(name.replace("/", "-"), metric_info(name).title, (name,), OTHER), (name,))
