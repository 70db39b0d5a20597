"""Learning from an expert's steps (SRL, arXiv 2510.25992): steps, instances, the format, the reward. Free of torch."""
