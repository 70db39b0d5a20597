"""Tests of learning from an expert's steps."""
