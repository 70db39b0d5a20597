"""Tests that drive the whole product in a real Chromium, as its users do."""
