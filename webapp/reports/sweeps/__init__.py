"""Sweeps: one config run over a grid of knobs and over several seeds, as a report that owns its runs."""
