"""Tests of responses that call tools."""
