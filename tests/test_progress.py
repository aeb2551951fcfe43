"""Progress is shown as a bar on a terminal and as lines in a log file."""

import io
import sys
from types import SimpleNamespace

import pytest

from minunet import cli, progress
from minunet.errors import InputError


@pytest.fixture(autouse=True)
def no_progress_lines():
    """Print lines here, which other tests do not."""


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        *[(0, "0 s"), (0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (61, "1 min 1 s")],
        *[(3599.4, "59 min 59 s"), (3600, "1 h 0 min"), (7500, "2 h 5 min")],
        *[(7259, "2 h 0 min"), (90_000, "25 h 0 min")],
    ],
)
def test_duration(seconds, written):
    assert progress.duration(seconds) == written


def test_a_short_job_leaves_no_line_in_a_log_file(capsys):
    with progress.Progress(3, "tile") as bar:
        for _ in range(3):
            bar.advance("slice 0")
    assert capsys.readouterr() == ("", "")


def test_control_characters_are_escaped(capsys, clock):
    with progress.Progress(2, "tile") as bar:
        bar.line("a\x1b[2Jb")
        clock.now += 11
        bar.advance("slice \n\u202e")
    assert capsys.readouterr().err.splitlines() == [
        r"a\x1b[2Jb",
        r"tile 1/2  slice \n\u202e  11 s left",
    ]


@pytest.mark.parametrize("end", [InputError("refused"), KeyboardInterrupt(), MemoryError()])
def test_a_refusal_is_the_only_thing_on_its_line(monkeypatch, end):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)

    def main():
        with progress.Progress(20, "tile") as bar:
            bar.advance("slice 0")
            raise end

    with pytest.raises(SystemExit):
        cli.run(main, "predict")
    *drawn, last = terminal.getvalue().split("\r")
    assert any("0/20" in text for text in drawn)
    assert drawn[-1].strip() == ""  # the bar is overwritten with spaces
    assert last.startswith("python -m minunet.predict: ")
    assert last.count("\n") == 1


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that the test sets by hand."""
    clock = SimpleNamespace(now=100.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_log_file_gets_a_plain_line_from_time_to_time(clock, capsys):
    with progress.Progress(8, "step") as bar:
        seen = []
        for energy in range(8):
            clock.now += 4
            bar.advance(f"energy {energy}")
            seen.append(capsys.readouterr().err)
    # At 4 s per step, a line after 12 s and 24 s (more than 10 s apart), and one at the end.
    assert seen == [
        *["", "", "step 3/8  energy 2  20 s left\n", "", ""],
        *["step 6/8  energy 5  8 s left\n", "", "step 8/8  energy 7  0 s left\n"],
    ]
    assert capsys.readouterr() == ("", "")


def test_the_time_left_ignores_what_was_done_before(clock, capsys):
    with progress.Progress(200, "step", done=100) as bar:
        clock.now += 20
        bar.advance("resumed")
        assert capsys.readouterr().err == "step 101/200  resumed  33 min 0 s left\n"


def test_a_terminal_gets_a_bar_and_lines_above_it(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress.Progress(2, "tile") as bar:
        bar.line("a line in between")
        bar.advance("slice 0")
        bar.advance("slice 1")
    written = terminal.getvalue()
    assert "0/2" in written
    assert "a line in between\n" in written
    assert "tile 2/2" not in written  # no plain line
