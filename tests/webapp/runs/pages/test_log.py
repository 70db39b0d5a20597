"""A log is read in pieces that together are the whole, whatever is written meanwhile."""

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from tests.webapp.runs.pages.made import make_run
from webapp.runs import logfile
from webapp.runs.logfile import lines_after, lines_before
from webapp.runs.status import RunStatus

LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\x1b"), max_size=40), max_size=30)


@given(LINES, st.text(st.characters(codec="utf-8", exclude_characters="\n\r\x1b"), max_size=20), st.integers(8, 200))
def test_following_a_log_gives_all_of_it(lines: list[str], unfinished: str, chunk: int) -> None:
    import tempfile
    from pathlib import Path

    text = "".join(f"{line}\n" for line in lines) + unfinished
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(logfile, "CHUNK_BYTES", max(chunk, 4 * max(map(len, [*lines, unfinished, ""])) + 8))
        file = Path(folder) / "log.txt"
        file.write_text(text, newline="")
        pieces, offset = "", 0
        while (piece := lines_after(file, offset)).end > offset:
            pieces += piece.text
            offset = piece.end
        assert pieces + piece.unfinished == text
        backwards, before = "", piece.size
        while True:
            earlier = lines_before(file, before)
            backwards = earlier.text + (earlier.unfinished if before == piece.size else "") + backwards
            if earlier.start == 0:
                break
            before = earlier.start
        assert backwards == text


def test_an_unfinished_line_is_shown_but_read_again(tmp_path: "logfile.Path") -> None:
    file = tmp_path / "log.txt"
    file.write_text("one\ntw")
    piece = lines_after(file, 0)
    assert (piece.text, piece.unfinished, piece.end) == ("one\n", "tw", 4)
    file.write_text("one\ntwo\n")
    assert lines_after(file, piece.end).text == "two\n"


def test_a_log_that_became_shorter_is_read_from_its_start(tmp_path: "logfile.Path") -> None:
    file = tmp_path / "log.txt"
    file.write_text("new\n")
    assert (lines_after(file, 500).text, lines_after(file, 500).start) == ("new\n", 0)


def test_colours_vanish_and_overwritten_lines_show_their_last_state(tmp_path: "logfile.Path") -> None:
    file = tmp_path / "log.txt"
    file.write_bytes(b"\x1b[31mred\x1b[0m\n 10%\r 50%\r100%\ndone\r\n")
    assert lines_after(file, 0).text == "red\n100%\ndone\n"


@pytest.mark.django_db
def test_the_page_shows_the_end_of_the_log_escaped_and_offers_the_rest(researcher_client: Client) -> None:
    run = make_run(RunStatus.FAILED)
    run.folder.mkdir(parents=True)
    (run.folder / "log.txt").write_text("".join(f"line {n} <script>\n" for n in range(9000)))
    page = researcher_client.get(reverse("runs:log", args=[run.pk])).content.decode()
    assert "line 8999 &lt;script&gt;" in page
    assert "line 0 " not in page
    assert "Load earlier lines" in page
    start = int(page.split('data-start="')[1].split('"')[0])
    chunk = researcher_client.get(reverse("runs:log_chunk", args=[run.pk]), {"before": start}).json()
    assert chunk["end"] == start
    first_shown = page.split("data-lines>")[1].split()[1]
    assert chunk["text"].splitlines()[-1] == f"line {int(first_shown) - 1} <script>"
    whole = researcher_client.get(reverse("runs:log_download", args=[run.pk]))
    assert b"".join(whole.streaming_content) == (run.folder / "log.txt").read_bytes()


@pytest.mark.django_db
def test_a_run_without_a_log_says_so(researcher_client: Client) -> None:
    run = make_run(RunStatus.QUEUED)
    assert "Nothing written yet" in researcher_client.get(reverse("runs:log", args=[run.pk])).content.decode()
    assert researcher_client.get(reverse("runs:log_chunk", args=[run.pk]), {"after": 0}).json()["text"] == ""
    assert researcher_client.get(reverse("runs:log_download", args=[run.pk])).status_code == 404
