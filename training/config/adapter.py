"""Which weights are trained: all of the model's, or small matrices beside them (LoRA, arXiv 2106.09685)."""

from typing import Annotated, Literal

from pydantic import Field

from training.config.base import Config


class WholeModel(Config):
    """All weights of the model are trained."""

    kind: Literal["none"] = "none"


class LowRankAdapter(Config):
    """What both kinds of LoRA have."""

    rank: int = Field(default=16, ge=1, le=1024)
    """Width of the two matrices: 8 to 32 do for reinforcement learning, 64 and more for much new knowledge."""

    alpha: float = Field(default=32.0, gt=0, le=10_000)
    """What the two add is multiplied by alpha / rank. Usual is twice the rank, and ten times the learning rate of a
    model trained as a whole."""

    targets: str = Field(default="all-linear", min_length=1, pattern=r"^\s*[\w.-]+(\s*,\s*[\w.-]+)*\s*$")
    """Layers that get an adapter: all-linear for all of the body, or their names, such as q_proj, v_proj. There is no
    dropout: the ratio of new to old policy must be 1 before the first update."""

    rslora: bool = False
    """Multiplies by alpha / √rank instead, which keeps large ranks learning (arXiv 2312.03732)."""

    @property
    def scaling(self) -> float:
        """What the product of the two matrices is multiplied by."""
        return float(self.alpha / (self.rank**0.5 if self.rslora else self.rank))


class LoraAdapter(LowRankAdapter):
    """Beside each matrix two narrow ones are trained, and the model itself stays as it is: optimizer and gradients
    take next to no memory, and the reference costs none. Checkpoints hold the adapter and the merged model."""

    kind: Literal["lora"] = "lora"


class QloraAdapter(LowRankAdapter):
    """LoRA beside matrices that are held in 4 bits (NF4, arXiv 2305.14314): an eighth of their memory, a little less
    exact, and slower. Needs a GPU and the package bitsandbytes."""

    kind: Literal["qlora"] = "qlora"


Adapter = Annotated[WholeModel | LoraAdapter | QloraAdapter, Field(discriminator="kind")]
