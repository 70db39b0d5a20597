"""Tests of problem sets, imports and the verifier bench."""
