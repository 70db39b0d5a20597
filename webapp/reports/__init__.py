"""Reports: a selection of runs and seeds that answers a question, as curves, intervals and a table."""
