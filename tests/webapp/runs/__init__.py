"""Runs: configuration, life, figures, pages."""
