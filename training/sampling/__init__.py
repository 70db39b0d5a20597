"""Sampling on token ids: one protocol (`types`), and the engines that implement it."""
