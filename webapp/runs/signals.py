"""What apps above this one may listen to, as this one must not know them."""

from django.dispatch import Signal

deleting_run = Signal()
"""A run is about to be deleted, in the same transaction. Keyword ``run``. Whoever has many rows of it deletes them."""
