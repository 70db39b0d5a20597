"""Tests of training.builtin."""
