"""Tests of the signs of an over-optimised reward."""
