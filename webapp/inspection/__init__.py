"""What a run produced: groups, rollouts, tokens."""
