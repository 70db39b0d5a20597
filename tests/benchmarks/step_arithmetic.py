"""What a step of GRPO has to compute at least, and what a chip could compute: the two sides of its MFU.

MFU (model FLOP utilisation; PaLM, arXiv 2204.02311, appendix B) is the arithmetic that the step needs, over what the
chip could have done in that time. Needed is: each prompt once for all of its responses, attention to earlier tokens
only, the head where a token is predicted, and twice a forward's arithmetic to go backward. What is computed again
(gradient checkpointing, the chunked head) is not needed and does not count.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

import torch

from training.config.shape import ModelShape

BF16_PEAKS = {
    "B200": 2250e12,  # NVIDIA Blackwell datasheet: 4.5 PFLOPS with sparsity, one GPU of an HGX
    "H200 NVL": 835e12,  # NVIDIA H200 datasheet, as all below: half of what is named "with sparsity"
    "H200": 989e12,  # SXM
    "H100 NVL": 835e12,  # NVIDIA H100 datasheet
    "H100 PCIe": 756e12,
    "H100": 989e12,  # SXM
    "A100": 312e12,  # NVIDIA A100 datasheet, SXM and PCIe
    "L40S": 362e12,  # NVIDIA L40S datasheet
    "L4": 121e12,  # NVIDIA L4 datasheet
    "RTX 4090": 165e12,  # NVIDIA Ada architecture whitepaper, sums in float32
}
"""Dense bfloat16 FLOP/s by what a device's name holds; the first that fits counts."""


class Work(NamedTuple):
    """What a forward pass goes through."""

    tokens: int
    """Through the blocks."""
    seen: int
    """Pairs of a token and one that it attends to, itself included."""
    predicted: int
    """Tokens whose probabilities are computed."""


def work_of(prompt: int, responses: Sequence[int]) -> Work:
    """Of a group: the prompt once, then every response but its last token, which predicts nothing."""
    run = [length - 1 for length in responses]
    seen = prompt * (prompt + 1) // 2 + sum(length * prompt + length * (length + 1) // 2 for length in run)
    return Work(prompt + sum(run), seen, sum(responses))


def forward_flops(shape: ModelShape, work: Work) -> float:
    """Two for each multiplication of a matrix's number; norms, rotations and softmaxes do not count."""
    attention = 2 * shape.hidden * (shape.query_size + shape.key_size)
    matrices = shape.layers * (attention + 3 * shape.hidden * shape.intermediate)
    looking = 4 * shape.layers * shape.query_size
    return 2.0 * matrices * work.tokens + looking * work.seen + 2.0 * shape.hidden * shape.vocabulary * work.predicted


def update_flops(shape: ModelShape, work: Work) -> float:
    """Forward, and backward to the inputs and to the weights."""
    return 3 * forward_flops(shape, work)


def peak_of(device: torch.device, dtype: torch.dtype, size: int) -> tuple[float, str]:
    """The chip's FLOP/s and where the figure is from: a datasheet, or a product of matrices of `size` measured here."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    listed = known_peak(name) if dtype == torch.bfloat16 else None
    return (listed, "datasheet") if listed else (measured_peak(device, dtype, size), f"matmul of {size}, measured")


def known_peak(name: str) -> float | None:
    """That of a device of this name, if it is listed.

    >>> known_peak("NVIDIA H100 80GB HBM3")
    989000000000000.0
    """
    words = f" {name.replace('-', ' ')} "
    return next((peak for kind, peak in BF16_PEAKS.items() if f" {kind} " in words), None)


def measured_peak(device: torch.device, dtype: torch.dtype, size: int, repeats: int = 5) -> float:
    """FLOP/s of the fastest of some products of square matrices."""
    one, other = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        float((one @ other)[0, 0])  # waits for it
        seconds.append(time.perf_counter() - began)
    return 2.0 * size**3 / min(seconds[1:])
