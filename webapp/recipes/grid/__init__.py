"""A recipe over a grid of up to three knobs, of one stage or of all, and over seeds: planned, launched, compared."""
