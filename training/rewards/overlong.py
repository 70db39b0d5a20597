"""DAPO's soft punishment of overlong responses (arXiv 2503.14476, equation 13)."""


def soft_overlong_penalty(length: int, max_tokens: int, buffer: int) -> float:
    """0 up to ``max_tokens - buffer`` tokens, then linearly down to -1 at ``max_tokens``, and -1 beyond.

    Args:
        length: tokens of the response.
        max_tokens: longest response.
        buffer: tokens before ``max_tokens`` over which the penalty grows; 0 turns it off.

    Raises:
        ValueError: negative length, or a buffer outside [0, max_tokens].
    """
    if length < 0 or not 0 <= buffer <= max_tokens:
        raise ValueError(f"need length >= 0 and 0 <= buffer <= max_tokens, got {length}, {buffer}, {max_tokens}")
    if buffer == 0:
        return 0.0
    return max(-1.0, min(0.0, (max_tokens - buffer - length) / buffer))
