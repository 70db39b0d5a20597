"""The learning rate of each step."""

import math

from training.config import OptimisationConfig


def learning_rate(step: int, total_steps: int, config: OptimisationConfig) -> float:
    """Rate of step 1 .. total_steps: a linear rise that reaches the peak at the last warm-up step, then the schedule.

    A falling schedule reaches `min_rate_share` of the peak at the last step.
    """
    if step <= config.warmup_steps:
        return config.learning_rate * step / config.warmup_steps
    if config.schedule == "constant":
        return config.learning_rate
    progress = (step - config.warmup_steps) / max(total_steps - config.warmup_steps, 1)
    left = 1 - progress if config.schedule == "linear" else (1 + math.cos(math.pi * progress)) / 2
    return config.learning_rate * (config.min_rate_share + (1 - config.min_rate_share) * left)
