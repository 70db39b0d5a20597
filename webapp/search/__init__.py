"""Searches: trees and their replays, verified solutions, the hard subset."""
