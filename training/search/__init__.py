"""Monte Carlo tree search over responses (DeepSearch, arXiv 2509.25454): pure functions on arrays, and one loop."""
