"""Which model a run starts from, and how it is put in front of the problems."""

from typing import Annotated, Literal

from pydantic import Field

from training.config.base import Config


class BuiltinModel(Config):
    """The small model that ships with Espalier: trains on a CPU in minutes."""

    kind: Literal["builtin"] = "builtin"

    variant: Literal["arithmetic", "tools"] = "arithmetic"
    """arithmetic: answers in words and steps. tools: the same after the preset Tool format, which has taught it how
    tool calls are written; it wants prompt.tools set to template."""


class LocalModel(Config):
    """A folder with a Hugging Face checkpoint."""

    kind: Literal["local"] = "local"

    path: str = Field(min_length=1)
    """Folder that holds config.json, the weights as safetensors and the tokenizer."""


class HubModel(Config):
    """A model of the Hugging Face hub; downloaded on first use."""

    kind: Literal["hub"] = "hub"

    name: str = Field(min_length=1, pattern=r"^[\w.-]+(/[\w.-]+)?$")
    """Name on the hub, such as Qwen/Qwen3-0.6B."""

    revision: str = "main"
    """Branch, tag or commit."""


class CheckpointModel(Config):
    """A checkpoint that an earlier run saved."""

    kind: Literal["checkpoint"] = "checkpoint"

    run: int = Field(ge=1)
    """Number of the run that saved it."""

    step: int = Field(ge=0)
    """Step at which it was saved."""


ModelSource = Annotated[BuiltinModel | LocalModel | HubModel | CheckpointModel, Field(discriminator="kind")]


class PromptConfig(Config):
    """How a problem becomes the text that the model continues."""

    template: Literal["chat", "r1_zero", "plain"] = "chat"
    """chat: the tokenizer's chat template. r1_zero: DeepSeek-R1-Zero's. plain: the bare problem and a newline."""

    system: str = ""
    """System message of the chat template; empty for none."""

    tools: Literal["none", "template", "schema"] = "none"
    """What the prompt says of tools. template: what the chat template makes of them. schema: rStar2-Agent's
    instructions with the tool's JSON schema, for models that no template tells."""

    toolset: Literal["python", "repository"] = "python"
    """Tools that may be called. python: one that runs a program. repository: read, edit and run_tests on the files that
    come with each problem; a response is right when all tests pass in the end, whatever it says."""

    calls: Literal["json", "lines"] = "json"
    """How calls are written, in demonstrations and by the model. json: an object with name and arguments. lines: the
    name, then each argument on a line of its own, which takes a small model a third of the tokens; JSON is understood,
    too. A chat template that tells of JSON goes on doing so."""
