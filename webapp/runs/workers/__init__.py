"""The page of the workers: machines, their devices, what they do, and the queue before them."""
