"""Every knob of a run, declared once: form, help, validation, stored JSON and trainer all read it from here.

Imports the standard library and pydantic only, so that the web can load it in a tenth of a second.
"""

from training.config.adapter import LoraAdapter, LowRankAdapter, QloraAdapter, WholeModel
from training.config.adaptive import HardSubsetConfig, SolutionCacheConfig
from training.config.agentic import AgenticConfig
from training.config.base import Config
from training.config.engine import EngineConfig, TorchEngineConfig, VllmEngineConfig, VllmServerConfig
from training.config.evaluate import EvaluateMethod
from training.config.finish import FinishConfig
from training.config.hardware import HardwareConfig
from training.config.keeping import CheckpointConfig, EvaluationConfig
from training.config.learned import LearnedRewardConfig, NoRewardModel, RewardCheckpoint
from training.config.methods import DeepSearchMethod, DynamicSamplingConfig, GrpoMethod, SftMethod
from training.config.model import BuiltinModel, CheckpointModel, HubModel, LocalModel, PromptConfig
from training.config.optimisation import OptimisationConfig
from training.config.overoptimisation import OveroptimisationConfig
from training.config.ppo import CriticConfig, KlConfig, PpoMethod
from training.config.preferences import (
    PROJECT_RANKINGS,
    BuiltinRankings,
    DpoMethod,
    PreferenceMethod,
    ProjectRankings,
    RankingsFile,
    RewardModelMethod,
)
from training.config.problems import BuiltinProblems, FileProblems, ImportedProblems
from training.config.rl import LossConfig, RewardConfig, RlMethod, SamplingConfig, SurrogateConfig
from training.config.roc import RocConfig
from training.config.run import RunConfig
from training.config.search import FrontierConfig, SearchConfig, TreeCreditConfig, TreeLossConfig
from training.config.selection import (
    AllProblems,
    Measured,
    NoJudge,
    NotAlwaysSolved,
    NotCached,
    PassRate,
    RejectionSampling,
    RunsModel,
    Selection,
)
from training.config.srl import SpreadConfig, SrlMethod, StepsConfig

__all__ = [
    "PROJECT_RANKINGS",
    "AgenticConfig",
    "AllProblems",
    "BuiltinModel",
    "BuiltinProblems",
    "BuiltinRankings",
    "CheckpointConfig",
    "CheckpointModel",
    "Config",
    "CriticConfig",
    "DeepSearchMethod",
    "DpoMethod",
    "DynamicSamplingConfig",
    "EngineConfig",
    "EvaluateMethod",
    "EvaluationConfig",
    "FileProblems",
    "FinishConfig",
    "FrontierConfig",
    "GrpoMethod",
    "HardSubsetConfig",
    "HardwareConfig",
    "HubModel",
    "ImportedProblems",
    "KlConfig",
    "LearnedRewardConfig",
    "LocalModel",
    "LoraAdapter",
    "LossConfig",
    "LowRankAdapter",
    "Measured",
    "NoJudge",
    "NoRewardModel",
    "NotAlwaysSolved",
    "NotCached",
    "OptimisationConfig",
    "OveroptimisationConfig",
    "PassRate",
    "PpoMethod",
    "PreferenceMethod",
    "ProjectRankings",
    "PromptConfig",
    "QloraAdapter",
    "RankingsFile",
    "RejectionSampling",
    "RewardCheckpoint",
    "RewardConfig",
    "RewardModelMethod",
    "RlMethod",
    "RocConfig",
    "RunConfig",
    "RunsModel",
    "SamplingConfig",
    "SearchConfig",
    "Selection",
    "SftMethod",
    "SolutionCacheConfig",
    "SpreadConfig",
    "SrlMethod",
    "StepsConfig",
    "SurrogateConfig",
    "TorchEngineConfig",
    "TreeCreditConfig",
    "TreeLossConfig",
    "VllmEngineConfig",
    "VllmServerConfig",
    "WholeModel",
]
