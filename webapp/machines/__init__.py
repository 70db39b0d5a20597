"""The machines that work: what each worker says of itself and its devices, and which of them can serve a run."""
