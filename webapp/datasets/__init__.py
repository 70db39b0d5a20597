"""Problem sets: import, check, browse."""
