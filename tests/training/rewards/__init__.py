"""Tests of extraction, verdicts, format and length."""
