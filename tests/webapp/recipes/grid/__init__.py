"""Tests of recipes over grids."""
