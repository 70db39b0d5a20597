"""Items made of what runs produced: groups of rollouts, and nodes of search trees with their children.

Everything is drawn by a seed, from figures first and texts last, so that a page can show what it would add, and add
exactly that.
"""
