"""Tests of labeling."""
