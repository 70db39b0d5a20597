"""Recipes: stages that are trained one after the other."""
