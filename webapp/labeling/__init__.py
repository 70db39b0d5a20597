"""Human preference labeling: projects of items, who labels what, and the labels given."""
