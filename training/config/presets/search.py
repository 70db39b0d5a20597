"""DeepSearch as published, the search that learned best here, and ablations: the recipe with one part taken out."""

from training.config.presets.types import BUILTIN_RATE, Choice, Preset, changed

PAPER = "DeepSearch (arXiv 2509.25454)"

PROBLEMS = (
    Choice("problems.kind", "builtin", "Generated arithmetic: needs no data, and answers are sure."),
    Choice("problems.level", "hard", "Seldom solved by direct sampling: what a search is for.",
           "DeepMath-103K, of which the base model solves at most one response in four"),
    Choice("problems.train_count", 1024, "A look at all of them, four responses each, takes a minute on two cores.",
           "103,110, of which 20,504 are hard"),
)  # fmt: skip

BATCH = (
    Choice("method.sampling.prompts_per_step", 16, "Sixteen trees grow side by side, one expansion each a round.",
           "256"),
    Choice("method.sampling.samples_per_prompt", 8, "The paper's trajectories a tree; a search ends when it has them."),
    Choice("method.sampling.max_tokens", 128, "Room for the longest solutions and the overlong buffer.", "16,384"),
    Choice("method.sampling.temperature", 1.0, "Sampling from the policy as it is."),
    Choice("method.updates_per_step", 2, "More than one, so that the clips act.", "8"),
)  # fmt: skip

TREE = (
    Choice("method.search.expansion", "full", "All children of a node at once."),
    Choice("method.search.width", 8, "The paper's children a node."),
    Choice("method.search.step", "tokens", "Steps of equal length: nothing is asked of the text."),
    Choice("method.search.max_depth", 8, "Steps of 16 tokens, so that a solution spans four or five of them.",
           "64, steps of 256 tokens"),
    Choice("method.search.max_expansions", 64, "Bounds what a tree may cost.",
           "no limit; about 190 on its hardest problems"),
    Choice("method.search.selection", "frontier", "After an end, the best node of the whole tree is next."),
    Choice("method.search.descent", "uct", "While no child has ended, the best child by UCT is next."),
    Choice("method.search.exploration", 2.0, "The paper's λ: children seldom visited are tried, good ones preferred."),
    Choice("method.search.frontier.quality", 0.4, "λ1: look on where a parent did well."),
    Choice("method.search.frontier.entropy", 0.0, "λ2: listed as 0.4, but the best run was without it."),
    Choice("method.search.frontier.depth", 0.01, "λ3: among equals, the deeper node."),
    Choice("method.search.frontier.depth_form", "sqrt", "Linear depth ran deep and solved less."),
    Choice("method.search.negative", "most_confident", "The wrong end the policy is surest of teaches most."),
    Choice("method.search.record", "one", "The released code records one end an expansion."),
    Choice("method.search.backup", "constrained", "A node on a right path never turns negative."),
    Choice("method.search.gamma_min", 0.1, "The least that reaches the root from a deep end."),
    Choice("method.search.incomplete_reward", -1.0, "A response without an answer is as bad as a wrong one."),
)  # fmt: skip

CREDIT = (
    Choice("method.credit.kind", "node_q", "Each step is credited with its own q (Tree-GRPO)."),
    Choice("method.credit.q_temperature", 1.0, "ε of the soft clip: few values saturate."),
    Choice("method.credit.q_max", 1.0, "No step weighs more than an end."),
    Choice("method.credit.uniform_trees", "drop",
           "Algorithm 1 learns from trees with a solution; the released code's rule rewards wrong beginnings."),
    Choice("method.reward.overlong_buffer", 32, "A quarter of the limit: length costs before it is cut.", "4,096"),
    Choice("method.loss.clip_low", 0.2, "The usual lower side."),
    Choice("method.loss.clip_high", 0.28, "Clip-higher: unlikely tokens may grow, which keeps entropy up."),
    Choice("method.loss.dual_clip", 10.0, "No single token of a wrong path may run away with the update."),
    Choice("method.loss.advantage_scale", "none", "Only the mean is subtracted: easy trees get no extra weight."),
    Choice("method.loss.aggregation", "token_mean", "Every token counts the same."),
    Choice("method.loss.kl_coefficient", 0.0, "Rewards by rule need no leash."),
)  # fmt: skip

ADAPTIVE = (
    Choice("method.hard_subset.enabled", True, "Problems that direct sampling solves need no search."),
    Choice("method.hard_subset.samples", 4, "The paper's K."),
    Choice("method.hard_subset.threshold", 0.25, "The paper's δ."),
    Choice("method.hard_subset.rule", "at_most", "The released sets hold problems solved once in four, too."),
    Choice("method.hard_subset.phase_steps", 20, "Three phases in a run.", "100 steps a round in the scripts"),
    Choice("method.cache.enabled", True, "A problem with a known solution needs no search any more."),
    Choice("method.cache.fill", "rare", "As released: solutions of problems that are seldom solved."),
    Choice("method.cache.rare_share", 0.25, "As released."),
    Choice("method.cache.most_used", 4, "Direct responses remain to compare with.", "no limit"),
)  # fmt: skip

SCHEDULE = (
    Choice("optimisation.learning_rate", 1e-4, BUILTIN_RATE, "1e-6"),
    Choice("optimisation.warmup_steps", 5, "A gentle start for the optimizer's moments.", "10"),
    Choice("optimisation.weight_decay", 0.1, "As in the paper."),
    Choice("steps", 60, "Each searches sixteen trees.", "50 for the final model"),
)

RECIPE = (
    Choice("method.kind", "deepsearch", "A tree for each problem instead of independent responses."),
    *PROBLEMS,
    *BATCH,
    *TREE,
    *CREDIT,
    *ADAPTIVE,
    *SCHEDULE,
)
"""What DeepSearch and all its ablations share, but for what an ablation changes."""

DEEPSEARCH = Preset(
    "deepsearch",
    "DeepSearch",
    "A search tree for each hard problem; every step is credited with what came of it; solutions are kept.",
    PAPER,
    RECIPE,
)


def derived(*changes: Choice) -> tuple[Choice, ...]:
    """The recipe with ``changes``: in the place of what it chooses, the rest after it."""
    return changed(RECIPE, *changes)


DEEPSEARCH_LAZY = Preset(
    "deepsearch-lazy",
    "DeepSearch, lazy",
    "Whole responses that branch where it pays, and every solution reused at once: the search that learned best here.",
    f"{PAPER}, changed",
    derived(
        Choice("problems.train_count", 512, "Few problems come up often, so that solutions are reused."),
        Choice("method.sampling.prompts_per_step", 64, "A third of the trees teach: others are solved always or never.",
               "256"),
        Choice("method.updates_per_step", 4, "More of them gain at first and lose later.", "8"),
        Choice("method.search.expansion", "lazy", "A node of eight children costs five times a group of responses.",
               "all children at once"),
        Choice("method.search.lazy_start", 6, "Six whole responses show where a problem is open; two branch off."),
        Choice("method.search.step", "separator", "A line of working is a step; a branch begins with a whole one.",
               "256 tokens"),
        Choice("method.search.max_depth", 16, "More lines than any solution has.", "64"),
        Choice("method.search.record", "all", "What was generated is learned from.", "one end an expansion"),
        Choice("method.credit.kind", "subtree_value", "A step is worth what its subtree has come to.",
               "node q"),
        Choice("method.reward.overlong_buffer", 0, "Lengths stay far below the limit.", "4,096"),
        Choice("method.loss.advantage_scale", "sample", "Trees with few right ends count as much as others.", "none"),
        Choice("method.hard_subset.enabled", False, "A look at all problems costs what four steps do."),
        Choice("method.cache.fill", "at_once", "A solution found is used when its problem comes up next.",
               "after a phase"),
        Choice("method.cache.prefer", "newest", "The latest policies' solutions; short ones are lucky guesses.", "any"),
        Choice("method.cache.correction", "truncate", "Solutions of an earlier policy weigh by what this one thinks."),
        Choice("optimisation.weight_decay", 0.0, "Runs are short.", "0.1"),
        Choice("optimisation.warmup_steps", 0, "At this size the first steps are safe.", "10"),
        Choice("steps", 45, "A million generated tokens."),
    ),
)  # fmt: skip


def ablation(slug: str, title: str, summary: str, where: str, *changes: Choice) -> Preset:
    """The recipe with ``changes``, each of a knob that the recipe chooses."""
    return Preset(slug, f"DeepSearch, {title}", summary, f"{PAPER}, {where}", derived(*changes), "ablation")


_UCT = Choice("method.search.selection", "uct", "Ablated: after an end, down from the root by UCT.", "frontier")

ABLATIONS = (
    ablation(
        "deepsearch-uct", "vanilla UCT", "Tree search as before it: UCT from the root, plain backup.", "section 5.4",
        _UCT,
        Choice("method.search.backup", "vanilla", "Ablated: failures pull down nodes on right paths.", "constrained"),
    ),
    ablation(
        "deepsearch-no-frontier", "no frontier", "Without the choice among all open nodes: 62.32 instead of 62.95.",
        "table 4", _UCT,
    ),
    ablation(
        "deepsearch-random-negative", "random negative", "Any wrong end is the lesson: 62.09 instead of 62.95.",
        "table 5",
        Choice("method.search.negative", "random", "Ablated: any wrong end.", "most_confident"),
    ),
    ablation(
        "deepsearch-least-confident", "least confident", "The unlikeliest wrong end: 61.90 instead of 62.95.",
        "table 5",
        Choice("method.search.negative", "least_confident", "Ablated: the unlikeliest wrong end.", "most_confident"),
    ),
    ablation(
        "deepsearch-outcome", "outcome credit", "All tokens of a trajectory are credited with its end.", "table 4",
        Choice("method.credit.kind", "outcome", "Ablated: steps have no credit of their own.", "node_q"),
    ),
)  # fmt: skip
"""Figures are the paper's: mean pass@1 over six benchmarks, in percent, of a model of 1.5 billion parameters."""
