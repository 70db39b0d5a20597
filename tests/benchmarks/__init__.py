"""Measurements against other libraries, one command each."""
