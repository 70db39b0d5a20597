"""What apps above this one may listen to, as this one must not know them."""

from django.dispatch import Signal

deleting_run = Signal()
"""A run is about to be deleted, in the same transaction. Keyword ``run``. Whoever has many rows of it deletes them."""

run_moved = Signal()
"""A run has ended, or waits in the queue again. Sent after the commit; keyword ``run_id``. Whoever must not miss it
looks from time to time as well: a process that is killed between the two sends nothing."""

pruning_checkpoint = Signal()
"""A user wants a checkpoint's files removed. Keyword ``checkpoint``. Whoever needs them raises UserError."""
