"""The mathematics of policy optimisation as pure functions on tensors: advantages, KL estimators, losses."""
