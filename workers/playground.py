"""Answers questions of the playground, in a process of its own beside the one that trains."""

from training.config.chat import ChatConfig
from webapp.playground import services
from webapp.playground.answers import ANSWERS_FILE
from webapp.playground.models import State
from workers.app import app
from workers.asking import ask


@app.task(name="workers.playground.chat")  # type: ignore[untyped-decorator]
def chat(question_id: int) -> None:
    """Answer a waiting question. Returns at once when somebody has, or nobody wants it any more."""
    question = services.claim(question_id)
    if question is None:
        return
    folder = question.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config = ChatConfig.model_validate(question.config)
        (folder / "config.json").write_text(config.model_dump_json(), encoding="utf-8")
        stop = folder / services.STOP_FILE
        error = ask(folder, ["chat", str(folder / "config.json"), "--out", str(folder / ANSWERS_FILE)], stop.exists)
        state = State.FAILED if error else State.STOPPED if stop.exists() else State.DONE
        services.end(question, state, error)
    except Exception as error:
        services.end(question, State.FAILED, f"The worker failed, not the models: {type(error).__name__}: {error}")
        raise
