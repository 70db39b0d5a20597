"""Teachers: models and endpoints whose solutions become problem sets; jobs that workers carry, and their pages."""
