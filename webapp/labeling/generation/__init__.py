"""Items whose responses models write for the purpose: jobs that workers carry, and their page."""
