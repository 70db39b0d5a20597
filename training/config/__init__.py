"""Every knob of a run, declared once: form, help, validation, stored JSON and trainer all read it from here.

Imports the standard library and pydantic only, so that the web can load it in a tenth of a second.
"""

from training.config.base import Config
from training.config.methods import (
    DynamicSamplingConfig,
    GrpoMethod,
    LossConfig,
    RewardConfig,
    SamplingConfig,
    SftMethod,
)
from training.config.model import BuiltinModel, CheckpointModel, HubModel, LocalModel, PromptConfig
from training.config.problems import BuiltinProblems, FileProblems, ImportedProblems
from training.config.run import CheckpointConfig, EvaluationConfig, HardwareConfig, OptimisationConfig, RunConfig

__all__ = [
    "BuiltinModel",
    "BuiltinProblems",
    "CheckpointConfig",
    "CheckpointModel",
    "Config",
    "DynamicSamplingConfig",
    "EvaluationConfig",
    "FileProblems",
    "GrpoMethod",
    "HardwareConfig",
    "HubModel",
    "ImportedProblems",
    "LocalModel",
    "LossConfig",
    "OptimisationConfig",
    "PromptConfig",
    "RewardConfig",
    "RunConfig",
    "SamplingConfig",
    "SftMethod",
]
