"""The training methods: what one step of each does. `training.trainer` runs the loop around them."""
