"""The optimiser update that a response took part in, worked out from what is stored of its step."""

from itertools import pairwise

from django.db.models import Count, Sum

from training.seeds import shuffled
from webapp.inspection.models import Rollout, RolloutGroup, Split
from webapp.inspection.notes import calls_tools, has_critic, resamples
from webapp.inspection.push import LossSettings, UpdateSize


def update_of(rollout: Rollout, settings: LossSettings) -> UpdateSize | None:
    """The trained groups of a step are split into its updates in order, as equally as can be.

    With a critic the order is another one in each epoch, and figures are kept of the last.
    """
    run = rollout.run  # its step is that of the newest figures, which follow the step's groups
    if run.step < rollout.step:
        return None
    rows = RolloutGroup.objects.filter(run=run, split=Split.TRAIN, step=rollout.step, trained=True).order_by("index")
    groups = list(rows.values_list("pk", "size", "length_mean"))
    if has_critic(run.config):
        order = shuffled(len(groups), run.config.get("seed", 0), "epoch", rollout.step, settings.epochs - 1)
        groups = [groups[place] for place in order]
    updates = settings.updates
    for start, end in pairwise(len(groups) * part // updates for part in range(updates + 1)):
        if any(pk == rollout.group_id for pk, _, _ in groups[start:end]):
            of_update = groups[start:end]
            if resamples(run.config) or calls_tools(run.config):
                return _learned([pk for pk, _, _ in of_update])
            tokens = sum(round(size * length) for _, size, length in of_update)
            return UpdateSize(sum(size for _, size, _ in of_update), tokens)
    return None


def _learned(groups: list[int]) -> UpdateSize:
    """What an update of these groups learned from: responses that were kept, and of them what the model drew."""
    rows = Rollout.objects.filter(group__in=groups, selected=True, greedy=False)
    told = rows.aggregate(count=Count("pk"), length=Sum("length"), given=Sum("trace__tool_tokens"))
    return UpdateSize(told["count"], (told["length"] or 0) - (told["given"] or 0))
