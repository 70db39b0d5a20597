"""The new-run page: the form and its layout, checks, preview, preflight, and configs as files."""
