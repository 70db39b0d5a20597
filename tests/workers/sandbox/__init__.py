"""Sandbox workers, and the executor that uses them."""
