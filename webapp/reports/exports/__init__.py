"""A report as files: one HTML page that needs nothing else, CSV, Markdown, JSON."""
