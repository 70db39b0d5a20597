"""Tests of the pages of verified solutions and of what is done to them."""
