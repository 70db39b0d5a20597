"""Probes, metrics."""
