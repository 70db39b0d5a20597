"""Tests of the choice of training problems."""
