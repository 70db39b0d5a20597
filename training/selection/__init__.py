"""Which training problems a run takes: measured once before its first step, by rules that are pure functions."""
