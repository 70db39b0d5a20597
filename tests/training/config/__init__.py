"""Tests of ``training.config``."""
