"""Tests of the workers' page and of the queue."""
