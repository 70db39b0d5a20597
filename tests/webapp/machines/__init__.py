"""Tests of what machines say of themselves and what they can serve."""
