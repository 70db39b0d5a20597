"""Runs: configure, launch, watch, stop, resume, compare."""
