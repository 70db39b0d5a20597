"""Probes, metrics, backup and restore."""
