"""Tests of the pages that show what a run produced."""
