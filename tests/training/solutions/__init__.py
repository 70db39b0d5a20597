"""Tests of how verified solutions are named and kept."""
