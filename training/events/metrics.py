"""What every metric means, declared once: chart titles, hovers and the reference page read it from here."""

# ruff: noqa: E501  (a table, one metric a line)

from dataclasses import dataclass
from typing import Literal

Direction = Literal["up", "down", ""]


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """One metric.

    Attributes:
        name: ``group/name``, as in the events.
        title: short, for a chart.
        meaning: one line in plain words.
        formula: how it is computed.
        unit: of the value; "share" lies in [0, 1]; empty for plain numbers.
        direction: which way is better; empty where neither is.
    """

    name: str
    title: str
    meaning: str
    formula: str
    unit: str = ""
    direction: Direction = ""


def metric_info(name: str) -> MetricInfo:
    """What is known of a metric; of an unknown one, its name."""
    return METRICS.get(name) or MetricInfo(name, name.split("/", 1)[-1].replace("_", " ").capitalize(), "", "")


REFLECTIVE_WORDS = ("wait", "mistake", "however", "but", "retry", "error", "verify", "wrong", "evaluate", "check")
"""Words that DeepSeek-R1's authors counted (arXiv 2501.12948)."""

_TABLE = (
    MetricInfo("reward/mean", "Reward", "What a response earned on average.", "mean of r over all rollouts of the step", "", "up"),
    MetricInfo("reward/std", "Reward spread", "How much rewards differ from response to response.", "population standard deviation of r over all rollouts of the step"),
    MetricInfo("reward/accuracy", "Accuracy in training", "Share of sampled responses with the right answer.", "mean of 1[answer verified as right]", "share", "up"),
    MetricInfo("reward/format", "Format followed", "Share of responses in the form asked for.", "mean of 1[format rule holds]", "share", "up"),
    MetricInfo("reward/language", "Language kept", "How much of the reasoning's words are in the script asked for; before the weight.", "mean over rollouts of words in the script / words of the reasoning, 1 where there are none", "share", "up"),
    MetricInfo("reward/overlong", "Overlong penalty", "What responses lose by running close to the longest length.", "mean of max(-1, min(0, (max_tokens - buffer - |o|) / buffer))", "", "up"),
    MetricInfo("reward/missing_end", "Missing ends", "Responses cut at the longest length before they ended, as they are charged for it; before the weight.", "mean of -1[finish reason is length]", "", "up"),
    MetricInfo("reward/similarity", "Similarity as paid", "How much responses are like the expert's steps; of a response in another form, nothing.", "mean over rollouts of 2M / T, with M characters in matching blocks of T in all; 0 on a format failure", "share", "up"),
    MetricInfo("reward/format_failure", "Format failures as charged", "What responses lose by another form than the one asked for.", "mean over rollouts of format_failure where no step could be read off, else 0", "", "up"),
    MetricInfo("reward/learned", "Learned reward", "What the reward model says of responses, as it enters the reward, before the weight. It stands for what is wanted and is not it: watch the accuracy and held-out answers beside it.", "mean over rollouts of clip(t(c(r_1 … r_H))), with c the heads combined (mean, min, mean - std) and t the transform: none, or sigmoid(r - r_ref)", "", "up"),
    MetricInfo("reward/learned_spread", "Disagreement of heads", "How far the reward model's heads disagree about a response. Where it grows, responses are unlike those the model has learned from.", "mean over rollouts of the standard deviation of r over the H heads, of H degrees of freedom", "", "down"),
    MetricInfo("reward/learned_length", "Learned reward and length", "How far the reward model pays for length. Near 1, longer is all that is better.", "Pearson correlation over rollouts of learned reward and |o|"),
    MetricInfo("reward/kl_penalty", "KL penalty", "What a response pays for leaving the reference, in the reward of its tokens.", "mean over rollouts of -β · Σ (log π_old - log π_ref)", "", "up"),
    MetricInfo("kl/sequence", "KL of a response", "How far the policy has moved from the reference policy over a whole response.", "mean over rollouts of Σ over drawn tokens of log π_old - log π_ref", "nats"),
    MetricInfo("kl/coefficient", "KL coefficient", "What a nat of KL costs in this step; adaptive control moves it.", "β; adaptive: β · (1 + clip(kl/sequence / target - 1, ±0.2) · responses / horizon) after each step"),
    MetricInfo("critic/explained_variance", "Explained variance", "How much of what responses come to the critic knew beforehand: 1 all of it, 0 nothing, below 0 it is misled.", "1 - Var(R - V) / Var(R) over the step's tokens, before its updates", "", "up"),
    MetricInfo("critic/loss", "Value loss", "How far the critic is off what it should have expected.", "mean over updates of the mean over tokens of ½ max((V - R)², (clip(V, V_old ± ε) - R)²)", "", "down"),
    MetricInfo("critic/clip_share", "Values clipped", "Share of tokens whose value had moved too far to move on.", "mean over updates and tokens of 1[the clipped error is the larger one]", "share"),
    MetricInfo("critic/value_mean", "Mean value", "The reward the critic expects still to come, on average over tokens.", "mean over tokens of V_old"),
    MetricInfo("critic/return_mean", "Mean return", "What it should have expected.", "mean over tokens of R = A + V_old, with A before it is whitened"),
    MetricInfo("critic/grad_norm", "Critic's gradient norm", "Length of the critic's gradient before it is cut to max_grad_norm.", "mean over updates of ‖g‖₂ over all its parameters"),
    MetricInfo("groups/zero_variance_share", "Groups of equal rewards", "Share of problems whose responses all earned the same: they teach nothing.", "mean of 1[max r - min r <= 1e-8 within the group]", "share", "down"),
    MetricInfo("groups/dropped", "Groups dropped", "Groups that were not trained on: dynamic sampling replaced them by others, or their tree ends all alike.", "number of groups of equal rewards, over all sampling rounds; with searches, number of trees left out", "groups", "down"),
    MetricInfo("srl/similarity", "Similarity to the expert", "How much the steps that could be read off responses are like the expert's. Likeness is not correctness: a wrong result costs one character.", "mean over well-formed rollouts of 2M / T, with M characters in matching blocks (difflib's) of T in all", "share", "up"),
    MetricInfo("srl/format_failure_share", "Format failures", "Share of responses off which no step could be read. One of them outweighs all differences in similarity within its group.", "mean over rollouts of 1[no step could be read off]", "share", "down"),
    MetricInfo("srl/exact_share", "Expert's step exactly", "Share of responses whose step is the expert's to the last character.", "mean over rollouts of 1[step = expert's]", "share", "up"),
    MetricInfo("srl/dropped_share", "Groups dropped", "Share of the groups drawn that were not learned from, since their rewards hardly differ.", "mean over groups of all sampling rounds of 1[population std of r <= threshold]", "share", "down"),
    MetricInfo("srl/rounds", "Sampling rounds", "Times a step drew groups until its batch was full, or rounds were used up.", "number of rounds", "rounds"),
    MetricInfo("tools/turns_mean", "Turns", "Turns of the model in a response.", "mean over rollouts of the number of turns", "turns"),
    MetricInfo("tools/calls_mean", "Tool calls", "Tool calls that a response makes.", "mean over rollouts of the number of calls", "calls"),
    MetricInfo("tools/used_share", "Responses that call", "Share of responses that call a tool at all.", "mean over rollouts of 1[at least one call]", "share"),
    MetricInfo("tools/failed_share", "Failing calls", "Share of the calls that went wrong by the model's own fault.", "calls that failed, ran out of time or memory, or could not be run as written ÷ calls that were answered", "share", "down"),
    MetricInfo("tools/error_share", "Calls with an error", "Share of the calls whose code raised an error.", "calls that ended in an error ÷ calls", "share", "down"),
    MetricInfo("tools/timeout_share", "Calls out of time", "Share of the calls that reached their time limit.", "calls that were stopped at tool_seconds ÷ calls", "share", "down"),
    MetricInfo("tools/memory_share", "Calls out of memory", "Share of the calls that took more memory than they may.", "calls that reached tool_memory_mib ÷ calls", "share", "down"),
    MetricInfo("tools/malformed_share", "Unreadable calls", "Share of the calls that are no JSON, or lack a name or arguments.", "calls that could not be decoded ÷ calls", "share", "down"),
    MetricInfo("tools/unknown_tool_share", "Calls of unknown tools", "Share of the calls that name a tool there is not.", "calls of unknown names ÷ calls", "share", "down"),
    MetricInfo("tools/bad_arguments_share", "Calls with wrong arguments", "Share of the calls whose arguments the tool cannot take.", "calls with unusable arguments ÷ calls", "share", "down"),
    MetricInfo("tools/infrastructure_share", "Calls the service failed", "Share of the calls that failed through no fault of the model: the service that runs tools is in trouble.", "calls that the service did not run ÷ calls", "share", "down"),
    MetricInfo("tools/unanswered_share", "Unanswered calls", "Share of the calls that nobody ran: too many in one turn, or made in the last.", "calls without a result ÷ calls", "share", "down"),
    MetricInfo("tools/cut_share", "Results cut", "Share of the results that were too long to be shown whole.", "results longer than result_characters ÷ results", "share"),
    MetricInfo("tools/tokens_mean", "Tool tokens", "Tokens of a response that the model did not draw: results, and turn marks.", "mean over rollouts of |o| - drawn tokens", "tokens"),
    MetricInfo("tools/out_of_turns_share", "Out of turns", "Share of responses that still wanted a tool in their last turn.", "mean over rollouts of 1[the last allowed turn has a call]", "share", "down"),
    MetricInfo("tools/no_room_share", "No room for a result", "Share of responses that ended because a result would have filled them.", "mean over rollouts of 1[|o| + |result| >= max_tokens]", "share", "down"),
    MetricInfo("classes/forking", "Forking tokens", "Uncertain tokens of a response at which its reasoning may go on one way or another: words, outside of tool calls and not right after a result.", "mean over rollouts of tokens among the 20 % of highest entropy that are part of a word, neither in a call nor among the 64 after a result", "tokens"),
    MetricInfo("classes/reflection", "Reflection on tool results", "Uncertain tokens of a response right after a tool's result.", "mean over rollouts of tokens among the 20 % of highest entropy that are among the first 64 after a result, and in no call", "tokens"),
    MetricInfo("classes/code", "Uncertain tokens of calls", "Uncertain tokens of a response inside tool calls.", "mean over rollouts of tokens among the 20 % of highest entropy that stand in a tool call", "tokens"),
    MetricInfo("classes/other", "Other uncertain tokens", "Uncertain numbers, symbols and marks of a response, outside of tool calls and not right after a result.", "mean over rollouts of the other tokens among the 20 % of highest entropy", "tokens"),
    MetricInfo("classes/entropy_after_result", "Entropy after results", "How open the next token is right after a tool's result.", "mean H over the first 64 tokens after each result, calls left out", "nats"),
    MetricInfo("classes/entropy_in_call", "Entropy in calls", "How open the next token is inside tool calls.", "mean H over the tokens of tool calls", "nats"),
    MetricInfo("classes/entropy_elsewhere", "Entropy elsewhere", "How open the next token is outside of calls and not right after a result.", "mean H over all other tokens that the model drew", "nats"),
    MetricInfo("tools/error_ratio_right", "Failing calls on the way to right answers", "Share of the tool calls in right responses that failed by the model's own fault; of all that were drawn. An answer alone as reward pays for them.", "Σ failed calls ÷ Σ calls, over right rollouts", "share", "down"),
    MetricInfo("roc/error_ratio_kept", "Failing calls among what is learned", "The same, of the right responses that resample-on-correct keeps.", "Σ failed calls ÷ Σ calls, over kept right rollouts", "share", "down"),
    MetricInfo("roc/penalty_drawn", "Penalty of right responses", "How unclean right responses are, by their failing calls and answer tags: from 0 to 2.", "mean over right rollouts of p_err + p_format"),
    MetricInfo("roc/penalty_kept", "Penalty of those kept", "The same, of the right responses that are learned from.", "mean over kept right rollouts of p_err + p_format"),
    MetricInfo("roc/rollouts_drawn", "Responses drawn", "Responses before resample-on-correct.", "number of rollouts", "responses"),
    MetricInfo("roc/rollouts_kept", "Responses kept", "Responses that are left to learn from.", "number of selected rollouts", "responses"),
    MetricInfo("roc/groups_all_wrong", "Groups all wrong", "Groups left out because no response was right.", "number of groups of equal rewards that are wrong", "groups", "down"),
    MetricInfo("roc/groups_all_right", "Groups all right", "Groups left out because every response was right: where most are, the problems have become too easy.", "number of groups of equal rewards that are right", "groups"),
    MetricInfo("roc/answers_mean", "Answers a response", "Answer tags that a response opens; one is right.", "mean number of answer tags over all rollouts"),
    MetricInfo("response/length_mean", "Response length", "Tokens a response has on average.", "mean of |o|", "tokens"),
    MetricInfo("response/length_min", "Shortest response", "Tokens of the shortest response.", "min of |o|", "tokens"),
    MetricInfo("response/length_max", "Longest response", "Tokens of the longest response.", "max of |o|", "tokens"),
    MetricInfo("response/truncated_share", "Truncated", "Share of responses cut at the longest length before they ended.", "mean of 1[finish reason is length]", "share", "down"),
    MetricInfo("text/repeated_share", "Repeated sequences", "Share of the token sequences of length 4 that the same response has had before: text that goes in circles.", "1 - distinct 4-grams ÷ 4-grams, each counted within its response", "share", "down"),
    MetricInfo("policy/entropy", "Entropy", "How undecided the policy is at each token it drew.", "mean over tokens of -Σ p log p, of the distribution the token was drawn from", "nats"),
    MetricInfo("policy/kl", "KL to the reference", "How far the policy has moved from the reference policy.", "mean over tokens of the chosen estimator, k1 -δ, k2 δ²/2, k3 e^δ - δ - 1, with δ = log π_ref - log π", "nats"),
    MetricInfo("policy/clip_low_share", "Clipped below", "Share of tokens whose push away from the policy was cut off.", "mean over tokens of 1[ρ < 1 - clip_low and A < 0]", "share"),
    MetricInfo("policy/clip_high_share", "Clipped above", "Share of tokens whose push was cut off at the upper clip or the dual clip.", "mean over tokens of 1[ρ > 1 + clip_high and A > 0, or ρ > dual_clip and A < 0]", "share"),
    MetricInfo("policy/ratio_max", "Largest ratio", "Largest change in probability of a token since the step began.", "max over tokens of ρ = π_θ / π_old"),
    MetricInfo("policy/sampler_gap", "Sampler against trainer", "How far the sampler's log-probabilities are from the trainer's; large values mean that the two compute different policies.", "mean over tokens of |log π_old - log π_sampler|", "nats", "down"),
    MetricInfo("mismatch/kl", "Mismatch KL", "How far the policy that sampled is from the one that learns, by what the two think of the same tokens. Near 0 where both compute alike; kernels, bfloat16, top-p, top-k and older weights raise it.", "k3: mean over drawn tokens of e^δ - 1 - δ, with δ = log π_trainer - log π_sampler; estimates KL(sampler‖trainer)", "nats", "down"),
    MetricInfo("mismatch/kl_k1", "Mismatch KL (k1)", "The same by the plain estimator: noisier, and below 0 by chance.", "k1: mean over drawn tokens of log π_sampler - log π_trainer", "nats"),
    MetricInfo("mismatch/ratio_mean", "Mean mismatch ratio", "Mean importance weight of a token before bounds; 1 in expectation where the sampler can draw all that the trainer can.", "mean over drawn tokens of π_trainer / π_sampler"),
    MetricInfo("mismatch/ratio_max", "Largest mismatch ratio", "The token that the sampler drew and the trainer finds likelier by most.", "max over drawn tokens of π_trainer / π_sampler", "", "down"),
    MetricInfo("mismatch/bounded_share", "Importance weights bounded", "Share of tokens whose importance weight was cut to the cap, or masked.", "mean over drawn tokens of 1[w > importance_cap, or masked below importance_floor]", "share", "down"),
    MetricInfo("staleness/mean", "Staleness", "Optimiser updates by which the weights that sampled what is learned were behind, on average.", "mean over learned rollouts of updates between the weights that sampled them and those at the beginning of the step", "updates", "down"),
    MetricInfo("staleness/max", "Largest staleness", "The same, of the oldest rollout; never above the bound.", "max over learned rollouts of updates behind", "updates", "down"),
    MetricInfo("optim/loss", "Loss", "The loss that was minimised. In reinforcement learning its value says little: it is near 0 by construction.", "Σ over tokens of weight · (-min(ρA, clip(ρ)A) + β·KL); in fine-tuning, mean negative log-likelihood of the response tokens; from rankings, mean over prompts of the mean loss of their pairs"),
    MetricInfo("optim/grad_norm", "Gradient norm", "Length of the gradient before it is cut to max_grad_norm.", "‖g‖₂ over all parameters"),
    MetricInfo("optim/learning_rate", "Learning rate", "Rate of the last update of the step.", "peak rate × schedule(step)"),
    MetricInfo("heldout/pass_at_1", "Held-out pass@1", "Chance that one sampled answer to a held-out problem is right.", "mean over problems of the share of right samples", "share", "up"),
    MetricInfo("heldout/pass_at_1_low", "Held-out pass@1, lower end", "Lower end of its 95 % interval.", "Wilson interval, with an effective number of samples from the spread between problems", "share", "up"),
    MetricInfo("heldout/pass_at_1_high", "Held-out pass@1, upper end", "Upper end of its 95 % interval.", "Wilson interval, with an effective number of samples from the spread between problems", "share", "up"),
    MetricInfo("heldout/pass_at_k", "Held-out pass@k", "Chance that at least one of k sampled answers is right; k is 8, or the number of samples where that is less.", "mean over problems of 1 - C(n-c, k) / C(n, k), with c of n samples right", "share", "up"),
    MetricInfo("heldout/maj_at_k", "Held-out maj@k", "Share of problems whose most frequent answer among all samples is right.", "mean over problems of 1[the answer given most often is right]; ties count by the share of right ones", "share", "up"),
    MetricInfo("heldout/learned", "Held-out learned reward", "What the reward model says of sampled held-out answers. Where it rises and held-out pass@1 falls, it is being gamed.", "mean over sampled answers of the learned reward, before the weight", "", "up"),
    MetricInfo("heldout/greedy", "Held-out greedy accuracy", "Share of held-out problems whose likeliest answer is right.", "mean over problems of 1[greedy answer is right]", "share", "up"),
    MetricInfo("heldout/calls_mean", "Held-out tool calls", "Tool calls that a held-out answer makes.", "mean over answers of the number of calls", "calls"),
    MetricInfo("heldout/failed_share", "Held-out failing calls", "Share of the calls in held-out answers that went wrong by the model's own fault.", "failing calls ÷ answered calls", "share", "down"),
    MetricInfo("heldout/length_mean", "Held-out response length", "Tokens of a sampled held-out answer on average; what a search sampled beside its answers does not count.", "mean of |o|", "tokens"),
    MetricInfo("heldout/truncated_share", "Held-out truncated", "Share of sampled held-out answers cut at the longest length before they ended.", "mean of 1[finish reason is length]", "share", "down"),
    MetricInfo("batch/pass_at_1", "pass@1 of the batch", "Share of right samples among the problems of this batch alone.", "mean over the batch's problems of the share of right samples", "share", "up"),
    MetricInfo("batch/length_mean", "Response length of the batch", "Tokens of a sampled answer to this batch's problems on average.", "mean of |o|", "tokens"),
    MetricInfo("batch/calls_mean", "Tool calls of the batch", "Tool calls that an answer to this batch's problems makes.", "mean over the batch's answers of the number of calls", "calls"),
    MetricInfo("batch/failed_share", "Failing calls of the batch", "Share of the batch's tool calls that went wrong by the model's own fault.", "failing calls ÷ answered calls", "share", "down"),
    MetricInfo("batch/problems", "Problems answered", "Problems answered so far.", "number of problems in this and all earlier batches", "problems"),
    MetricInfo("heldout/loss", "Held-out loss", "How unlikely the model finds the held-out solutions, or the labels of held-out ranked prompts.", "mean negative log-likelihood over response tokens; of rankings, mean over prompts of the mean loss of their pairs", "nats", "down"),
    MetricInfo("preference/accuracy", "Pairs predicted in training", "Share of the step's decided pairs whose better response has more reward, before the update; of DPO, more implicit reward.", "mean over pairs that do not tie of 1[r_chosen > r_rejected], r averaged over heads", "share", "up"),
    MetricInfo("preference/margin", "Reward margin", "By how much better responses are rewarded more.", "mean over decided pairs of r_chosen - r_rejected", "", "up"),
    MetricInfo("preference/reward_mean", "Mean reward of ranked responses", "Where rewards lie, before a saved model's shift; differences alone are learned.", "mean of r over the step's responses"),
    MetricInfo("preference/reward_std", "Spread of rewards of ranked responses", "How far rewards lie apart.", "population standard deviation of r over the step's responses"),
    MetricInfo("preference/head_spread", "Disagreement of heads", "How far the heads of an ensemble differ about a response.", "mean over responses of the population standard deviation of r over heads"),
    MetricInfo("preference/chosen_reward", "Implicit reward of chosen responses", "How far the policy has moved towards better responses; falling means that they get less likely, too.", "mean over pairs of β (log π - log π_ref) of the chosen response", "", "up"),
    MetricInfo("preference/rejected_reward", "Implicit reward of rejected responses", "How far the policy has moved towards worse responses.", "mean over pairs of β (log π - log π_ref) of the rejected response", "", "down"),
    MetricInfo("preference/unlearned", "Left to learn", "How much the paper's loss still learns from a pair: near 1 it is ordered wrongly, near 0 it is learned.", "mean over pairs of σ(r_rejected - r_chosen)", "share", "down"),
    MetricInfo("heldout/preference_accuracy", "Held-out pairs predicted", "Share of held-out decided pairs whose better response has more reward.", "mean over pairs that do not tie of 1[r_chosen > r_rejected], r averaged over heads", "share", "up"),
    MetricInfo("heldout/preference_margin", "Held-out reward margin", "By how much better held-out responses are rewarded more.", "mean over decided pairs of r_chosen - r_rejected", "", "up"),
    MetricInfo("heldout/preference_reward_mean", "Held-out mean reward", "Where rewards of held-out ranked responses lie.", "mean of r"),
    MetricInfo("heldout/preference_reward_std", "Held-out spread of rewards", "How far rewards of held-out ranked responses lie apart.", "population standard deviation of r"),
    MetricInfo("heldout/preference_head_spread", "Held-out disagreement of heads", "How far the heads of an ensemble differ about a held-out response.", "mean over responses of the population standard deviation of r over heads"),
    MetricInfo("heldout/preference_chosen_reward", "Held-out implicit reward, chosen", "How far the policy has moved towards better held-out responses.", "mean over pairs of β (log π - log π_ref) of the chosen response", "", "up"),
    MetricInfo("heldout/preference_rejected_reward", "Held-out implicit reward, rejected", "How far the policy has moved towards worse held-out responses.", "mean over pairs of β (log π - log π_ref) of the rejected response", "", "down"),
    MetricInfo("heldout/preference_unlearned", "Held-out left to learn", "How far held-out pairs are from being ordered with certainty.", "mean over pairs of σ(r_rejected - r_chosen)", "share", "down"),
    MetricInfo("data/undecided", "Prompts without a preference", "Ranked prompts left out because no label prefers one response to another.", "number of ranked prompts without a pair", "prompts"),
    MetricInfo("data/too_long", "Left out for length", "Training solutions, or ranked prompts with a response, longer than max_length: they are never learned from.", "number of problems (ranked prompts) with |prompt| + |response| > max_length", "problems", "down"),
    MetricInfo("data/epoch", "Epochs", "How often the training set has been passed through.", "sequences (ranked prompts) taken / those in the training set"),
    MetricInfo("time/sampling_s", "Sampling", "Time the step spent on generating responses.", "wall-clock", "s", "down"),
    MetricInfo("time/scoring_s", "Scoring", "Time the step waited for the verifier after sampling had ended.", "wall-clock", "s", "down"),
    MetricInfo("time/updating_s", "Updating", "Time the step spent on gradients and the optimiser.", "wall-clock", "s", "down"),
    MetricInfo("time/evaluating_s", "Evaluating", "Time spent on held-out problems.", "wall-clock", "s", "down"),
    MetricInfo("time/saving_s", "Saving", "Time spent on the checkpoint saved since the step before.", "wall-clock", "s", "down"),
    MetricInfo("time/sampling_ahead_s", "Sampling ahead", "Time that this step's batch took in the other thread, beside the training of earlier ones. The sampling phase is what the step still waited for it.", "seconds from the handing over of the weights to the scored batch", "s"),
    MetricInfo("time/step_s", "Step", "Time of the whole step, without evaluation and saving.", "wall-clock", "s", "down"),
    MetricInfo("time/tool_call_s", "Tool call", "Time from a turn's end to the result of its call, on average.", "mean over calls of wall-clock, the wait for a free place included", "s", "down"),
    MetricInfo("time/tool_queue_s", "Wait for a free place", "Time a tool call waited before it ran, on average.", "mean over calls of wall-clock", "s", "down"),
    MetricInfo("speed/engine_idle_share", "Engine waits for tools", "Share of the sampling time in which there was nothing to decode, since every response waited for its tool.", "seconds without a row to decode ÷ seconds of sampling", "share", "down"),
    MetricInfo("speed/tokens_per_s", "Tokens per second", "Response tokens sampled (or learned from) per second of the step.", "tokens/step ÷ time/step_s", "tokens/s", "up"),
    MetricInfo("tokens/step", "Tokens of the step", "Response tokens sampled (or learned from) in the step; of a search all of them, recorded or not.", "Σ|o|", "tokens"),
    MetricInfo("tokens/total", "Tokens in all", "Response tokens since the run began: the fair axis to compare runs by.", "Σ of tokens/step", "tokens"),
    MetricInfo("search/solved_share", "Trees solved", "Share of the step's trees in which a right end was found, recorded or not. The search itself looks at the answers: in an evaluation this is no accuracy of the model.", "mean over trees of 1[some end is right]", "share", "up"),
    MetricInfo("search/uniform_share", "Trees of equal ends", "Share of trees whose recorded ends are all alike: without further rules they teach nothing.", "mean over trees with at least 2 recorded ends of 1[max v - min v <= 1e-8 over them]", "share", "down"),
    MetricInfo("search/exhausted_share", "Trees exhausted", "Share of trees whose frontier ran empty before enough ends were recorded.", "mean over trees of 1[no node left to expand]", "share", "down"),
    MetricInfo("search/nodes", "Nodes of a tree", "Steps of responses that a tree holds on average.", "mean over trees of the number of nodes", "nodes"),
    MetricInfo("search/tokens_per_tree", "Tokens of a tree", "Tokens sampled for a tree on average: what a search costs.", "Σ tokens sampled ÷ number of trees", "tokens", "down"),
    MetricInfo("search/expansions", "Expansions of a tree", "How often a node was given children, on average.", "mean over trees of the number of expansions", "expansions"),
    MetricInfo("search/depth", "Depth of a tree", "Level of the deepest node, on average.", "mean over trees of max depth", "levels"),
    MetricInfo("search/best_q", "Best Q", "Value of the best node but the root, on average.", "mean over trees of max Q = q / N", "", "up"),
    MetricInfo("search/mean_reward", "Value of the ends", "What recorded ends are worth on average, from -1 to 1.", "mean over trees with recorded ends of their mean value", "", "up"),
    MetricInfo("speed/recomputed_share", "Prefixes recomputed", "Share of the tokens before an expansion that had to be run through the model again.", "Σ prefix tokens recomputed ÷ Σ prefix tokens", "share", "down"),
    MetricInfo("search/distinct_prefix_share", "Distinct tokens of trajectories", "Of the tokens in recorded trajectories, the share that is left when a step shared by several counts once.", "mean over trees of tokens of the nodes on recorded paths ÷ Σ tokens of the paths", "share"),
    MetricInfo("time/per_tree_s", "Time of a tree", "Time of the search for each tree of the step; trees grow side by side.", "(sampling + judging + bookkeeping) ÷ number of trees", "s", "down"),
    MetricInfo("time/bookkeeping_share", "Bookkeeping", "Share of the search spent on choosing, splitting and backing up, not on sampling or judging.", "bookkeeping ÷ (sampling + judging + bookkeeping)", "share", "down"),
    MetricInfo("credit/positive_share", "Steps pushed up", "Share of the trained tokens whose advantage is above 0.", "mean over trained tokens of 1[A > 0]", "share"),
    MetricInfo("credit/abs_mean", "Size of advantages", "How strongly trained tokens are pushed either way.", "mean over trained tokens of |A|"),
    MetricInfo("cache/problems", "Problems in the cache", "Problems of which the cache holds verified solutions: they skip the search.", "number of problems with cached solutions", "problems"),
    MetricInfo("cache/reuse_share", "Served from the cache", "Share of the step's problems that skipped the search. Where it rises, so does reward, without the policy having become better.", "mean over the step's problems of 1[got cached solutions]", "share"),
    MetricInfo("cache/tokens_saved", "Tokens saved by the cache", "What searches of the served problems would have cost at the mean of this run's searches so far, less their direct responses; 0 for a problem whose direct responses cost more, and before the first search.", "Σ over served problems of max(mean tokens of the run's searches - tokens of the direct responses, 0)", "tokens", "up"),
    MetricInfo("cache/found", "Solutions found", "Verified solutions that the step added to the cache.", "number of new solutions", "solutions", "up"),
    MetricInfo("cache/rejected", "Solutions rejected", "Cached solutions that were not used, such as ones that failed when they were verified again.", "number of rejected solutions", "solutions", "down"),
    MetricInfo("hard/problems", "Hard problems", "Problems that the run trains on: those which direct sampling seldom solves.", "number of problems with a share of right samples of at most δ (or below it)", "problems"),
    MetricInfo("hard/share", "Share of hard problems", "How much of the training set is in the hard subset.", "hard/problems ÷ training problems looked at", "share", "down"),
    MetricInfo("time/filtering_s", "Filtering", "Time spent on measuring which problems are hard.", "wall-clock", "s", "down"),
    MetricInfo("time/searching_s", "Searching", "Time the step spent on growing trees.", "wall-clock", "s", "down"),
    MetricInfo("system/rss_bytes", "Memory", "Main memory the trainer holds.", "resident set size", "bytes", "down"),
    MetricInfo("system/cpu_share", "Processor", "Share of the machine's cores the trainer kept busy.", "CPU seconds ÷ (wall-clock seconds × cores)", "share"),
    MetricInfo("system/gpu_memory_bytes", "GPU memory", "Most GPU memory held at once so far.", "peak of allocated memory", "bytes", "down"),
    MetricInfo("system/gpu_share", "GPU", "Share of the last moments in which the GPU was busy.", "as the driver reports it", "share", "up"),
    MetricInfo("reflection/per_1k_tokens", "Reflective words", "How often responses look back at themselves. Words alone do not show that anything was corrected.", "1000 × count of wait, mistake, however, but, retry, error, verify, wrong, evaluate, check ÷ Σ|o|", "per 1,000 tokens"),
    *(
        MetricInfo(f"reflection/{word}_per_1k", f"“{word}”", f"How often responses say “{word}”.", f"1000 × count of \\b{word}\\b, in any case ÷ Σ|o|", "per 1,000 tokens")
        for word in REFLECTIVE_WORDS
    ),
    MetricInfo("reasoning/planning_share", "Planning up front", "Share of responses that say at the beginning what they are going to do.", "mean of 1[a phrase of planning in the first fifth of the response]", "share"),
    MetricInfo("reasoning/adjusting_share", "Adjusting on the way", "Share of responses that take something back.", "mean of 1[a phrase such as wait, actually, instead]", "share"),
    MetricInfo("reasoning/checking_share", "Checking results", "Share of responses that say they look at a result again.", "mean of 1[a phrase such as verify, check, after a figure]", "share"),
    MetricInfo("reasoning/interleaved_share", "Interleaved thinking", "Share of responses that think again after something was said.", "mean of 1[more than one <think>]", "share"),
    MetricInfo("reflection/corrected_share", "Wrong, then right", "Of the responses that marked a wrong answer before a reflective word, the share that ended right.", "P(final answer right | an answer marked before the first reflective word was wrong)", "share", "up"),
)  # fmt: skip

METRICS: dict[str, MetricInfo] = {info.name: info for info in _TABLE}
"""Every metric a trainer reports, in the order to show them."""
