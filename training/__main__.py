"""The command line: `python -m training run RUN_DIR` trains from a config file alone."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from training.config.chat import ChatConfig
from training.config.generate import GenerationConfig
from training.config.plan import in_words, plan_of
from training.config.recipe import Recipe
from training.config.recipes import RECIPES
from training.config.teach import TeachConfig
from training.config_file import parse_as, parse_config, read_config
from training.errors import InputError, memory_that_is_full
from training.recipe import train_recipe

DONE, CRASHED, BAD_INPUT, OUT_OF_MEMORY = 0, 1, 2, 3
"""Exit codes: done or stopped; a fault of ours; a config, model or problem set that has to be put right; no memory."""

logger = logging.getLogger("training")


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        return int(options.command(options))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except Exception as error:
        if full := memory_that_is_full(error):  # where it was says nothing; what takes how much is on the run's page
            print(f"error: {full}", file=sys.stderr)
            return OUT_OF_MEMORY
        logger.exception("this should not have happened")
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        return CRASHED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description="Train a reasoning model from a config.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="train what RUN_DIR/config.json (or config.yaml) says")
    run.add_argument("folder", type=Path, metavar="RUN_DIR")
    run.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="continue after the newest checkpoint; --no-resume removes the checkpoints and starts anew",
    )
    run.set_defaults(command=_run)
    check = commands.add_parser("check", help="validate a config and say what it would do")
    check.add_argument("config", type=Path, metavar="CONFIG")
    check.set_defaults(command=_check)
    look = commands.add_parser("preflight", help="sample a few prompts and report what training would meet")
    look.add_argument("config", type=Path, metavar="CONFIG")
    look.add_argument("--out", type=Path, metavar="FILE.json", help="where the report goes; else the terminal")
    look.set_defaults(command=_preflight)
    answers = commands.add_parser("generate", help="have models answer prompts, for people to label")
    answers.add_argument("config", type=Path, metavar="CONFIG")
    answers.add_argument("--out", type=Path, metavar="FILE.jsonl", required=True, help="added to where it exists")
    answers.set_defaults(command=_generate)
    talk = commands.add_parser("chat", help="have models answer in a conversation, to be read while they write")
    talk.add_argument("config", type=Path, metavar="CONFIG")
    talk.add_argument("--out", type=Path, metavar="FILE.jsonl", required=True, help="written anew")
    talk.set_defaults(command=_chat)
    solutions = commands.add_parser("teach", help="have a teacher write solutions, and keep the right ones")
    solutions.add_argument("config", type=Path, metavar="CONFIG")
    solutions.add_argument("--out", type=Path, metavar="FILE.jsonl", required=True, help="added to where it exists")
    solutions.set_defaults(command=_teach)
    recipe = commands.add_parser("recipe", help="train the stages of a recipe one after the other")
    recipe.add_argument("config", type=Path, metavar="RECIPE", help=f"a file, or one of {', '.join(RECIPES)}")
    recipe.add_argument("--size", choices=("builtin", "full"), default="builtin", help="of a recipe given by its name")
    recipe.add_argument("--out", type=Path, metavar="FOLDER", required=True, help="holds a folder for each stage")
    recipe.set_defaults(command=_recipe)
    return parser


def _run(options: argparse.Namespace) -> int:
    config = read_config(options.folder)
    # Torch takes seconds to import; a bad config, a launcher and the other commands need not wait for it.
    from training.launch import is_launched, launch

    if config.hardware.processes > 1 and not is_launched():
        resume = "--resume" if options.resume else "--no-resume"
        return launch(config.hardware.processes, ["run", str(options.folder), resume])
    from training.stopping import StopSignal

    stop = StopSignal()
    stop.listen()
    from training.run import run

    run(config, options.folder, options.resume, stop)
    return DONE


def _check(options: argparse.Namespace) -> int:
    config = parse_config(options.config)
    print("\n".join(in_words(config, plan_of(config))))
    return DONE


def _preflight(options: argparse.Namespace) -> int:
    config = parse_config(options.config)
    from training.preflight import preflight

    report = json.dumps(preflight(config, options.config.parent), ensure_ascii=False, indent=1)
    if options.out:
        options.out.write_text(report, encoding="utf-8")
    else:
        print(report)
    return DONE


def _generate(options: argparse.Namespace) -> int:
    config = parse_as(GenerationConfig, options.config)
    from training.generate import generate

    generate(config, options.config.parent, options.out)
    return DONE


def _chat(options: argparse.Namespace) -> int:
    config = parse_as(ChatConfig, options.config)
    from training.chat import chat

    chat(config, options.out)
    return DONE


def _teach(options: argparse.Namespace) -> int:
    config = parse_as(TeachConfig, options.config)
    from training.teaching.figures import in_words
    from training.teaching.lines import problems_file
    from training.teaching.teach import teach

    print("\n".join(in_words(teach(config, options.config.parent, options.out))))
    print(f"the problem set is {problems_file(options.out)}")
    return DONE


def _recipe(options: argparse.Namespace) -> int:
    preset = RECIPES.get(str(options.config))
    recipe = preset.recipe(options.size) if preset else parse_as(Recipe, options.config)
    return train_recipe(recipe, options.out)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
