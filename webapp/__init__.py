"""The web application: pages, forms and rows. Never loads torch."""
