"""The sandbox's page."""
