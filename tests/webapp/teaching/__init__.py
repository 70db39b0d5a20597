"""Tests of teachers whose solutions become problem sets."""
