"""The training library: one run from a config file to a trained model. Knows no web framework, queue or database."""
