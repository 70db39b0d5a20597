"""Template filters of the pages of runs."""
