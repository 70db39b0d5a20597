"""Tests of the sampling engines."""
