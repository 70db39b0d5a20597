"""Between text and token ids: how a problem becomes a prompt, and a response becomes text again."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress

from jinja2 import TemplateError
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training.agent.schema import Message, Schema, builtin_schemas, schema_messages
from training.config import PromptConfig
from training.errors import InputError

R1_ZERO = (
    "A conversation between User and Assistant. The User asks a question and the Assistant solves it. The Assistant "
    "first thinks about the reasoning process in the mind and then provides the User with the answer. The reasoning "
    "process and answer are enclosed within <think>...</think> and <answer>...</answer> tags, respectively, that is, "
    "<think> reasoning process here </think><answer> answer here </answer>. User: {problem}. Assistant:"
)
"""The template of DeepSeek-R1-Zero (arXiv 2501.12948, table 1)."""


class Codec:
    """A tokenizer together with the way prompts are put. Raises InputError when the tokenizer cannot put them so."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        prompt: PromptConfig,
        stop_ids: Sequence[int],
        prefix: str = "",
        schemas: Sequence[Schema] | None = None,
    ) -> None:
        """Every turn begins with `prefix`, which is given; `schemas` are the tools a prompt tells of, if it does."""
        if prompt.template == "chat" and not tokenizer.chat_template:
            raise InputError(
                "this model's tokenizer has no chat template; set prompt.template to r1_zero or plain, "
                "or choose a model that was tuned for chat"
            )
        self.tokenizer = tokenizer
        self.stop_ids = tuple(stop_ids)
        self._prompt = prompt
        self._prefix = prefix
        self._schemas = builtin_schemas(prompt.tools, prompt.toolset) if schemas is None else list(schemas)
        self._pieces: dict[int, str] = {}

    @property
    def line_schemas(self) -> Sequence[Schema]:
        """The tools whose calls may be written in lines; none where calls are JSON."""
        return self._schemas if self._prompt.calls == "lines" else []

    @property
    def digest(self) -> str:
        """Tells tokenizers apart: token ids mean the same wherever this is the same."""
        return vocabulary_digest(self.tokenizer)

    def prompt_text(self, problem: str) -> str:
        """The text that the model continues."""
        if self._prompt.template == "r1_zero":
            return R1_ZERO.format(problem=problem.rstrip().rstrip(".")) + self._prefix
        if self._prompt.template == "plain":
            return problem + "\n" + self._prefix
        return self._render(self._opening(problem))

    def conversation(self, turn: str, results: Sequence[str]) -> str:
        """A whole conversation whose first turn is `turn`, whose tools said `results`, and in which the next begins.

        Raises InputError when the prompt is no chat, or the chat template does not allow it.
        """
        if self._prompt.template != "chat":
            raise InputError("responses that call tools are a conversation; set prompt.template to chat")
        opening = [*self._opening("?"), {"role": "assistant", "content": turn}]
        if self._prompt.tools == "template":
            with suppress(TemplateError):  # of templates that know no tools, or want more of a call than its text
                text = self._render([*opening, *({"role": "tool", "content": result} for result in results)])
                if all(result in text for result in results):  # not those that quote it as JSON
                    return text
        said = "\n".join(f"<tool_response>\n{result}\n</tool_response>" for result in results)
        try:
            return self._render([*opening, {"role": "user", "content": said}])
        except TemplateError as error:
            raise InputError(f"the chat template cannot go on after a tool's result: {error}") from error

    def chat_ids(self, turns: Sequence[tuple[str, str]]) -> list[int]:
        """Token ids of a conversation, given as (role, text), that the model goes on with.

        Raises InputError where the prompt template has no turns, or the model's own does not allow these.
        """
        (_, first), *later = turns
        if not later:
            return self.prompt_ids(first)
        if self._prompt.template != "chat":
            raise InputError(f"the prompt template {self._prompt.template} has one turn; begin a new conversation")
        try:
            text = self._render([*self._opening(first), *({"role": role, "content": text} for role, text in later)])
        except TemplateError as error:
            raise InputError(f"the model's chat template cannot go on with this conversation: {error}") from error
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _opening(self, problem: str) -> list[Message]:
        if self._prompt.tools == "schema":
            return schema_messages(
                problem, self._prompt.system, self._schemas, self._prompt.toolset, self._prompt.calls
            )
        system = [{"role": "system", "content": self._prompt.system}] if self._prompt.system else []
        return [*system, {"role": "user", "content": problem}]

    def _render(self, messages: Sequence[Message]) -> str:
        """The text of a chat, up to where the model goes on."""
        tools = {"tools": self._schemas} if self._prompt.tools == "template" else {}
        text = self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True, **tools)
        return str(text) + self._prefix

    def prompt_ids(self, problem: str) -> list[int]:
        """Token ids of the prompt. A chat template writes its own special tokens, so none are added to those."""
        text = self.prompt_text(problem)
        return list(self.tokenizer(text, add_special_tokens=self._prompt.template != "chat")["input_ids"])

    def continued_ids(self, problem: str, said: str) -> list[int]:
        """Token ids of the prompt and of what the model is taken to have said already."""
        more = self.tokenizer(said, add_special_tokens=False)["input_ids"] if said else []
        return [*self.prompt_ids(problem), *more]

    def vocabulary(self) -> list[tuple[int, str]]:
        """Every token id with its text."""
        ids = sorted(set(self.tokenizer.get_vocab().values()))
        return list(zip(ids, self.tokenizer.batch_decode([[token] for token in ids]), strict=True))

    def prompt_fits(self, problem: str, tokens: int, said: str = "") -> bool:
        """Whether the prompt, with what the model is taken to have said already, has at most `tokens` tokens."""
        text = self.prompt_text(problem) + said
        return len(text.encode()) < tokens or len(self.continued_ids(problem, said)) <= tokens  # a token has a byte

    def response_ids(self, response: str) -> list[int]:
        """Token ids of a response written by someone else, ended by the first stop id."""
        return [*self.tokenizer(response, add_special_tokens=False)["input_ids"], *self.stop_ids[:1]]

    def text(self, ids: Sequence[int]) -> str:
        """What the ids say, without special tokens."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def token_ends(self, ids: Sequence[int], text: str) -> list[int]:
        """Where in `text` (their own) each token's text ends, in characters."""
        ends, end = [], 0
        for token in ids:
            end += len(self._piece(token))
            ends.append(end)
        if end == len(text) and "".join(map(self._piece, ids)) == text:
            return ends
        # Characters made of several tokens, or tokens that read differently at the start: ask the tokenizer itself.
        return [min(len(self.text(ids[: count + 1])), len(text)) for count in range(len(ids))]

    def _piece(self, token: int) -> str:
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self.text([token])
        return piece


def vocabulary_digest(tokenizer: PreTrainedTokenizerBase) -> str:
    """The same for tokenizers whose tokens have the same ids."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    return hashlib.sha256(repr(vocabulary).encode()).hexdigest()[:32]


def stop_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Every id that ends a response: the tokenizer's own first, then those of the model's generation config.

    Of a model that generates nothing, such as a reward model, those of its config.
    """
    declared = getattr(getattr(model, "generation_config", None) or model.config, "eos_token_id", None)
    declared = declared if isinstance(declared, list) else [declared]
    found = [token for token in [tokenizer.eos_token_id, *declared] if token is not None]
    if not found:
        raise InputError(
            "neither the tokenizer nor the model names an end-of-sequence token, so responses could not end"
        )
    return list(dict.fromkeys(found))
