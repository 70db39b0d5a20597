"""Tests of the page of a search."""
