"""What a response is paid for: the verifier's verdict, its format, its length. Free of torch: anybody may import it."""

from training.rewards.extract import Extraction, extract
from training.rewards.format import follows
from training.rewards.overlong import soft_overlong_penalty
from training.rewards.verifier import VERIFIER_VERSION, Verdict, Verifier

__all__ = ["VERIFIER_VERSION", "Extraction", "Verdict", "Verifier", "extract", "follows", "soft_overlong_penalty"]
