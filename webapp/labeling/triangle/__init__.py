"""People, verifier and reward model held against each other: where they disagree, since when, and who moved."""
