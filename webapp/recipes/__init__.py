"""Recipes: stages that are trained one after the other, each a run, by themselves."""
