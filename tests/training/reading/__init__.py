"""Tests of the readers of problem files."""
