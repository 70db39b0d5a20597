"""Pages of runs: the list, one run, comparisons, and what can be done to a run."""
