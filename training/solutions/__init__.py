"""Verified solutions: how they are named, kept, filtered, and put in place of a search."""
