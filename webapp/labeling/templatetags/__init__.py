"""Template tags of labeling."""
