"""Template tags of searches."""
