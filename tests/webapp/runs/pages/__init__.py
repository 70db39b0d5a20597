"""The pages that show runs, and what computes their figures."""
