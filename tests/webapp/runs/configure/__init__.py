"""Tests of the new-run page."""
