"""Tests of verified solutions on the trainer's side."""
