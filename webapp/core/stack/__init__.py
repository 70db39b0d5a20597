"""Everything that ``manage.py up`` runs on one machine: PostgreSQL, Redis, web and workers, watched and restarted."""
