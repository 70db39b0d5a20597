"""Evaluations: how good a model is on a problem set, with every answer kept."""
