"""The error of everything the user can put right."""


class InputError(ValueError):
    """A config, file or model that cannot be used. The message is one clear sentence that says what to do."""


GPU_FULL = "the GPU's memory is full; lower optimisation.micro_batch_tokens or method.sampling.max_rows"
HOST_FULL = "the machine's memory is full; lower optimisation.micro_batch_tokens or method.sampling.max_rows"


def memory_that_is_full(error: BaseException) -> str:
    """Which memory an exception says is full, and what to do; empty when it says nothing of the kind.

    Torch is not imported for that: its error of a GPU is known by its name, its error of the host by its words.
    """
    if type(error).__name__ == "OutOfMemoryError":
        return GPU_FULL
    told = str(error)
    by_torch = isinstance(error, RuntimeError) and ("DefaultCPUAllocator" in told or "not enough memory" in told)
    return HOST_FULL if isinstance(error, MemoryError) or by_torch else ""
