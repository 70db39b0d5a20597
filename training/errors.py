"""The error of everything the user can put right."""


class InputError(ValueError):
    """A config, file or model that cannot be used. The message is one clear sentence that says what to do."""


GPU_FULL = "the GPU's memory is full; lower optimisation.micro_batch_tokens or method.sampling.max_rows"
HOST_FULL = "the machine's memory is full; lower optimisation.micro_batch_tokens or method.sampling.max_rows"


_OF_GPU = ("CUDA error: out of memory", "Cuda failure 2 'out of memory'", "CUBLAS_STATUS_ALLOC_FAILED")
"""Words of CUDA, NCCL and cuBLAS, which ask for memory beside torch."""


def memory_that_is_full(error: BaseException) -> str:
    """Which memory an exception says is full, and what to do; empty when it says nothing of the kind.

    Torch is not imported for that: its error of a GPU is known by its name, others and its error of the host by their
    words.
    """
    told = str(error)
    is_runtime = isinstance(error, RuntimeError)
    if type(error).__name__ == "OutOfMemoryError" or (is_runtime and any(words in told for words in _OF_GPU)):
        return GPU_FULL
    by_torch = is_runtime and ("DefaultCPUAllocator" in told or "not enough memory" in told)
    return HOST_FULL if isinstance(error, MemoryError) or by_torch else ""
