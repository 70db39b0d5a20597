"""Background work: Celery tasks that supervise trainers and bring their events into the database."""
