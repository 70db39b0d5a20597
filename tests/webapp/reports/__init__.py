"""Reports: their definitions, figures, pages and files."""
