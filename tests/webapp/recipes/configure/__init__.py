"""Making recipes: shapes, text, pages."""
