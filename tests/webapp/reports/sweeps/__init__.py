"""Sweeps: what is typed, what it makes, what it starts, its dialog."""
