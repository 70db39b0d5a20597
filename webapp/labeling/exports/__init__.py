"""A project's labels as files: pairs to learn from, rankings, and a raw table, each with a card that tells of them."""
