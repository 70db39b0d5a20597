"""Tests of training.problems."""
