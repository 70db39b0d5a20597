"""Pages of labeling."""
