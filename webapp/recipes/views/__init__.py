"""Pages of recipes: the list, one recipe, and what can be done to it."""
