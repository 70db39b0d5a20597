"""One response: its text as tokens, what it earned, and what training made of it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.shortcuts import get_object_or_404

from training.config import CriticConfig
from training.solutions.garbage import is_garbage
from training.token_classes import ClassedTokens, classify
from webapp.inspection.credit import Credit, RewardPart, credit_of, reward_parts
from webapp.inspection.expert import Beside, ExpertStep
from webapp.inspection.marks import mark_names
from webapp.inspection.models import Rollout, RolloutText, RolloutTokens, Split
from webapp.inspection.notes import has_critic, is_searched, uniform_sentence, why_untrained
from webapp.inspection.prompts import prompt_frame
from webapp.inspection.push import LossSettings, Push, UpdateSize, push_of, token_weight
from webapp.inspection.resampling import Resampling, resampling_of
from webapp.inspection.scales import scaled_columns
from webapp.inspection.strip import Strip, render_strip
from webapp.inspection.token_arrays import TokenArrays, decode
from webapp.inspection.trace import TraceView, read_trace
from webapp.inspection.tree_credit import TreeCredit, end_of, tree_credit
from webapp.inspection.tree_path import TreePath, path_of
from webapp.inspection.updates import update_of
from webapp.inspection.words import reflective_spans

LISTED_SIBLINGS = 32


@dataclass(frozen=True)
class RolloutPage:
    """Everything the page of a response shows; the costly parts are worked out when asked for."""

    rollout: Rollout
    text: str
    arrays: TokenArrays | None
    siblings: list[Rollout]
    """All responses of the group, by index."""

    @cached_property
    def settings(self) -> LossSettings | None:
        return LossSettings.of(self.rollout.run.config)

    @cached_property
    def parts(self) -> list[RewardPart]:
        return reward_parts(self.rollout.parts, self.rollout.run.config)

    @cached_property
    def credit(self) -> Credit | None:
        """Held-out responses get no advantage, those of a tree one for each step; siblings are those learned from."""
        if self.rollout.split != Split.TRAIN or self.path is not None:
            return None
        config = self.rollout.run.config
        siblings = [sibling for sibling in self.siblings if not sibling.greedy and sibling.selected]
        if not self.rollout.selected or has_critic(config):
            return None
        if not is_searched(config):
            return credit_of(self.rollout.reward, self.rollout.advantage, [each.reward for each in siblings], config)
        worths = {each.pk: end_of(each, {}, config).worth for each in siblings}
        return credit_of(worths[self.rollout.pk], self.rollout.advantage, list(worths.values()), config, of_worth=True)

    @cached_property
    def expert(self) -> ExpertStep | None:
        """The expert's step it was compared with; None where none was to be predicted."""
        return ExpertStep.of(self.rollout.group)

    @cached_property
    def beside(self) -> Beside | None:
        """Its step beside the expert's."""
        return self.expert.beside(self.rollout) if self.expert else None

    @cached_property
    def critic(self) -> dict[str, Any] | None:
        """Knobs of the critic that judged its tokens; None where there was none."""
        method = self.rollout.run.config.get("method", {})
        if not has_critic(self.rollout.run.config) or self.rollout.split != Split.TRAIN:
            return None
        return CriticConfig().model_dump() | dict(method.get("critic", {}))

    @cached_property
    def path(self) -> TreePath | None:
        """Its way through the tree of its group; None where it was recorded in none."""
        return path_of(self.rollout) if is_searched(self.rollout.run.config) else None

    @cached_property
    def tree_credit(self) -> TreeCredit | None:
        """How each of its steps was credited."""
        if self.path is None or self.rollout.split != Split.TRAIN:
            return None
        stored = None if self.arrays is None or self.is_garbage else self.arrays.get("advantage")
        return tree_credit(self.rollout, self.path, self.siblings, self.rollout.run.config, stored)

    @property
    def uniform(self) -> str:
        """What was made of a tree whose ends are all alike, in words; empty for others."""
        credit = self.tree_credit
        return uniform_sentence(credit.rule, right=credit.right > 0) if credit and credit.uniform else ""

    @cached_property
    def is_garbage(self) -> bool:
        """Whether it was left out as endless repetition or garbled text."""
        cache = self.rollout.run.config.get("method", {}).get("cache", {})
        asked = is_searched(self.rollout.run.config) and cache.get("drop_garbage", True)
        return bool(asked and self.rollout.correct is not True and not self.rollout.advantage and is_garbage(self.text))

    @property
    def corrects_cached(self) -> bool:
        """Whether the run weighs cached solutions by importance."""
        cache = self.rollout.run.config.get("method", {}).get("cache", {})
        return bool(cache.get("correction", "none") != "none")

    @cached_property
    def trace(self) -> TraceView | None:
        """Its turns and tool calls; None where it could call none."""
        return read_trace(self.rollout, self.text, self.arrays)

    @cached_property
    def resampling(self) -> Resampling | None:
        """What resample-on-correct did with it; None where the run has none."""
        return resampling_of(self.rollout, self.siblings)

    @cached_property
    def classed(self) -> ClassedTokens | None:
        """Its tokens by what they do; None for responses without turns, and where entropies were not kept."""
        entropies = None if self.arrays is None else self.arrays.get("entropy")
        if self.trace is None or self.arrays is None or entropies is None:
            return None
        return classify(self.text, self.arrays.ends, entropies, self.arrays.get("mask"))

    @property
    def drawn(self) -> int:
        """Tokens that the model drew: what may be learned from."""
        return self.rollout.length if self.arrays is None else int(self.arrays.drawn.sum())

    @cached_property
    def next_checkpoint(self) -> int | None:
        """Step of the first policy that was saved after the response was learned from, and is still there."""
        saved = self.rollout.run.checkpoints.filter(removed_at=None, step__gte=self.rollout.step)
        return saved.values_list("step", flat=True).first()

    @cached_property
    def prompt(self) -> tuple[str, str, str]:
        return prompt_frame(self.rollout.run).split(self.rollout.group.prompt.text)

    @cached_property
    def words(self) -> list[tuple[int, int]]:
        return reflective_spans(self.text)

    @property
    def untrained(self) -> str:
        """Why nothing was pushed in this response; empty where it was trained on."""
        if self.rollout.split != Split.TRAIN:
            return "Held-out responses are never trained on."
        if not self.rollout.group.trained:
            return why_untrained(self.rollout.group, self.rollout.run.config)
        if not self.rollout.selected:
            return "Resample-on-correct left this response out."
        if self.is_garbage:
            return "Left out: a wrong response of endless repetition or garbled text."
        if self.settings is None:
            return "This run's method has no policy-gradient loss."
        return ""

    @cached_property
    def update(self) -> UpdateSize | None:
        """The optimiser update it took part in; None where its step was not finished."""
        return None if self.untrained or self.settings is None else update_of(self.rollout, self.settings)

    @cached_property
    def push(self) -> Push | None:
        if self.arrays is None or self.settings is None or self.update is None:
            return None
        weight = token_weight(self.settings, self.update, self.drawn)
        return push_of(self.arrays, self.settings, weight)

    @cached_property
    def strip(self) -> Strip | None:
        """None where token boundaries were not kept: then there is only the text."""
        if self.arrays is None:
            return None
        columns = scaled_columns(self.arrays, self.push.total if self.push else None, self.classed)
        ended = self.rollout.finish_reason == "stop" and self.trace is None
        names = mark_names(self.rollout.run) if self.trace else {}
        return render_strip(self.text, self.arrays, columns, self.words, ended=ended, names=names)

    @cached_property
    def _place(self) -> int:
        return next(place for place, sibling in enumerate(self.siblings) if sibling.pk == self.rollout.pk)

    @property
    def previous(self) -> Rollout | None:
        return self.siblings[self._place - 1] if self._place else None

    @property
    def next(self) -> Rollout | None:
        return self.siblings[self._place + 1] if self._place + 1 < len(self.siblings) else None

    @property
    def listed_siblings(self) -> list[Rollout]:
        """Some siblings around this one."""
        first = max(min(self._place - LISTED_SIBLINGS // 2, len(self.siblings) - LISTED_SIBLINGS), 0)
        return self.siblings[first : first + LISTED_SIBLINGS]


def read_rollout(pk: int) -> RolloutPage:
    """The page of a response, or 404."""
    rows = Rollout.objects.select_related("run", "group__prompt", "body", "tokens", "trace")
    rollout = get_object_or_404(rows, pk=pk)
    narrow = Rollout.objects.filter(group=rollout.group_id).select_related("trace").order_by("index")
    if not is_searched(rollout.run.config):
        narrow = narrow.defer("parts") if rollout.group.expert else narrow.defer("parts", "extracted")
    siblings = list(narrow)
    rollout.group.reused = any(sibling.cached for sibling in siblings)
    return RolloutPage(rollout, text_of(rollout), arrays_of(rollout), siblings)


def text_of(rollout: Rollout) -> str:
    """A response's text; empty where none was kept."""
    try:
        return rollout.body.text
    except RolloutText.DoesNotExist:
        return ""


def arrays_of(rollout: Rollout) -> TokenArrays | None:
    """A response's token arrays; None where they were not kept."""
    try:
        return decode(rollout.tokens, text_of(rollout))
    except RolloutTokens.DoesNotExist:
        return None
