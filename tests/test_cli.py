"""Commands share their argument types, help format and exit codes."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import call

from minunet import cli, stopping
from minunet.errors import InputError
from minunet.fast import allocator

NOT_NUMBERS = ("", " 5", "1_000", "\uff11\uff12", "nan", "inf", "-inf", "1e400", "0x10", "1,5")
"""What `int` or `float` would accept in part, but nobody means."""


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (cli.at_least(1), "1", 1),
        (cli.at_least(0), "12", 12),
        (cli.at_least(0, float), "0", 0.0),
        (cli.at_least(0, float), "1e-3", 0.001),
        (cli.at_least(0, float, below=1), "0.999", 0.999),
        (cli.at_least(1), "1000000000", 10**9),
        (cli.at_least(1, most=16), "16", 16),
        (cli.at_least(-5, float), "-.5E+1", -5.0),
        (cli.at_least(-5, float), "+2.", 2.0),
    ],
)
def test_valid_numbers(type_, text, value):
    assert type_(text) == value
    assert type(type_(text)) is type(value)


@pytest.mark.parametrize(
    ("type_", "text", "valid"),
    [
        *[
            (cli.at_least(1), text, "a whole number from 1 to 1,000,000,000")
            for text in ("0", "-3", "1.5", "x", "1000000001", *NOT_NUMBERS)
        ],
        *[
            (cli.at_least(0.1, float, most=1e6), text, "a number from 0.1 to 1e+06")
            for text in ("0.09", "1000000.1", "x", "1.e", ".", *NOT_NUMBERS)
        ],
        *[(cli.at_least(0, float), text, "a number from 0 to 1e+30") for text in ("-1", "2e30")],
        *[(cli.at_least(0, float, below=1), t, "a number ≥ 0 and < 1") for t in ("1", "-1", "nan")],
    ],
)
def test_invalid_numbers_are_refused(type_, text, valid):
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        type_(text)
    assert str(refused.value) == f"{text!r} is not {valid}"


@pytest.mark.parametrize("digits", [41, 300, 5000])
@pytest.mark.parametrize("type_", [cli.at_least(1), cli.at_least(1, float)])
def test_a_long_number_is_shortened_in_the_message(type_, digits):
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        type_("9" * digits)
    assert str(refused.value).startswith(f"'{39 * '9'}…' is not a")


@pytest.mark.parametrize("arguments", [["--wrong"], ["--step", "3"], ["--steps"], ["extra"]])
def test_a_usage_error_is_one_line_that_mentions_help(arguments, capsys):
    parser = cli.Parser("train", "Train.")
    parser.add_argument("--steps", type=int)
    with pytest.raises(SystemExit) as end:
        parser.parse_args(arguments)
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("python -m minunet.train: ")
    assert err.endswith("(see --help)\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize(("columns", "width"), [(60, 58), (100, 98), (250, 100)])
def test_help_is_as_wide_as_the_terminal_up_to_100_characters(monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", str(columns))
    parser = cli.Parser("train", "one two " * 200)
    group = parser.add_argument_group("tiles")
    group.add_argument("--tile", help="three four " * 50)
    lines = parser.format_help().splitlines()
    assert width - 10 < max(map(len, lines)) <= width
    assert "tiles:" in lines


def test_a_parser_is_described_by_the_table_of_commands():
    assert cli.Parser("predict").description == cli.COMMANDS["predict"]
    assert cli.Parser("predict", "Something else.").description == "Something else."


@pytest.mark.parametrize(
    ("system", "typed"),
    [
        ("linux", "python -m minunet.train --resume '/my runs/it'\"'\"'s' --data a"),
        ("darwin", "python -m minunet.train --resume '/my runs/it'\"'\"'s' --data a"),
        ("win32", 'python -m minunet.train --resume "/my runs/it\'s" --data a'),
    ],
)
def test_a_printed_command_is_quoted_for_the_shell_of_the_system(monkeypatch, system, typed):
    monkeypatch.setattr(cli.sys, "platform", system)
    made = cli.command("train", "--resume", Path("/my runs/it's"), "--data", "a")
    monkeypatch.undo()
    assert made == typed


def test_characters_that_a_windows_shell_interprets_are_quoted(monkeypatch):
    monkeypatch.setattr(cli.sys, "platform", "win32")
    made = cli.shell(r"C:\R&D\runs", "a;b", "(1)", r"C:\runs\best.npz", "1e-3", "", "a b")
    monkeypatch.undo()
    assert made == r'"C:\R&D\runs" "a;b" "(1)" C:\runs\best.npz 1e-3 "" "a b"'


def test_a_quoted_command_is_parsed_as_it_was():
    words = ["a b", "it's", '"', "*", "$x", "", "ü"]
    assert shlex.split(cli.shell(*words)) == words


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX shells")
@pytest.mark.parametrize(
    "name", ["$(touch X)", "a'b", "-x", "a\nb", "\x1b[2J'\\", "\u202etxt", "caf\udce9", "é ü"]
)
def test_a_printed_command_gives_a_shell_the_same_name(name, tmp_path):
    line = cli.command("train", "--resume", Path(name))
    assert line.isprintable()
    shown = f'set -- {line}; printf %s "$5"'
    done = subprocess.run(["bash", "-c", shown], cwd=tmp_path, capture_output=True, check=True)
    assert Path(os.fsdecode(done.stdout)) == Path(name)
    assert done.stdout.startswith(b"-") is False
    assert list(tmp_path.iterdir()) == []


def end_of(main, capsys):
    with pytest.raises(BaseException) as end:  # a KeyboardInterrupt would also end the test session
        cli.run(main, "some")
    assert isinstance(end.value, SystemExit)
    return end.value.code, *capsys.readouterr()


def raising(error):
    def main():
        raise error

    return main


def test_exit_codes_and_output(capsys):
    assert end_of(lambda: print("done"), capsys) == (0, "done\n", "")
    wrong = InputError("a tile of 25 is not valid")
    expected = (2, "", "python -m minunet.some: a tile of 25 is not valid\n")
    assert end_of(raising(wrong), capsys) == expected
    code, out, err = end_of(raising(PermissionError(13, "Permission denied", "a.tif")), capsys)
    assert (code, out) == (2, "")
    assert "a.tif" in err
    assert err.count("\n") == 1
    assert end_of(raising(SystemExit(130)), capsys)[0] == 130


def test_a_lack_of_memory_is_one_sentence(capsys):
    def main():
        np.empty((2**30, 2**29), np.float32)

    for module, advice in cli.SMALLER.items():
        with pytest.raises(SystemExit) as end:
            cli.run(main, module)
        assert end.value.code == 2
        assert capsys.readouterr().err == (
            f"python -m minunet.{module}: there is not enough memory: 2.0 EiB for an array of "
            f"1073741824 x 536870912 float32; {advice}\n"
        )
    assert cli.SMALLER.keys() == cli.COMMANDS.keys()


def test_a_lack_of_memory_without_details_is_one_sentence(capsys):
    with pytest.raises(SystemExit) as end:
        cli.run(raising(MemoryError()), "train")
    assert end.value.code == 2
    assert "there is not enough memory; pass a smaller --tile" in capsys.readouterr().err


def test_control_characters_are_escaped_in_all_messages(capsys):
    name = "a\n\x1b[2J\u202eb"
    for error in (InputError(name), OSError(2, "No such file", name), SystemExit(name)):
        _, out, err = end_of(raising(error), capsys)
        assert (out, err.count("\n")) == ("", 1)
        assert err[:-1].isprintable()
        assert r"a\n\x1b[2J\u202eb" in err
    cli.say(name, "second")
    assert capsys.readouterr().out == "a\\n\\x1b[2J\\u202eb\nsecond\n"
    with pytest.raises(SystemExit):
        cli.Parser("train").parse_args([name])
    assert capsys.readouterr().err[:-1].isprintable()


def test_a_message_that_ends_a_command_exits_with_1(capsys):
    assert end_of(raising(SystemExit("the energy is not finite")), capsys) == (
        *(1, ""),
        "the energy is not finite\n",
    )


def test_ctrl_c_prints_no_traceback(capsys):
    code, out, err = end_of(raising(KeyboardInterrupt()), capsys)
    assert (code, out) == (130, "")
    assert err.count("\n") == 1


@pytest.mark.parametrize("second", stopping.SIGNALS)
def test_a_second_signal_does_not_stop_the_message(second, capsys, monkeypatch):
    say = cli.say

    def late(*lines, file=None):
        signal.raise_signal(second)
        say(*lines, file=file)

    monkeypatch.setattr(cli, "say", late)
    before = {number: signal.getsignal(number) for number in stopping.SIGNALS}
    code, out, err = end_of(raising(stopping.Stopped(signal.SIGTERM)), capsys)
    assert (code, out, err) == (143, "", "python -m minunet.some: stopped by SIGTERM\n")
    assert {number: signal.getsignal(number) for number in before} == before


def test_a_bug_prints_a_traceback():
    with pytest.raises(ZeroDivisionError):
        cli.run(raising(ZeroDivisionError()), "some")
    with pytest.raises(ValueError, match="ours"):  # not an InputError, so not the user's mistake
        cli.run(raising(ValueError("ours")), "some")


def test_every_command_keeps_freed_memory(monkeypatch):
    order = []
    monkeypatch.setattr(allocator, "keep_memory", lambda: order.append("keep"))
    with pytest.raises(SystemExit):
        cli.run(lambda: order.append("main"), "some")
    assert order == ["keep", "main"]


@pytest.mark.parametrize("command", ["train", "predict", "evaluate", "augment", "data.__main__"])
def test_no_command_takes_an_empty_path(command, monkeypatch, tmp_path):
    # Such as an unset "$OUT": it would mean the working directory.
    monkeypatch.chdir(tmp_path)
    empty = {
        "train": ("--out", ""),
        "predict": ("em", "image.tif", "-o", ""),
        "evaluate": ("a.tif", "b.tif", "-o", ""),
        "augment": ("a.tif", "b.tif", "-o", ""),
        "data.__main__": ("",),
    }
    done = call(command, *empty[command])
    assert done.code == 2
    assert "'' is not a path" in done.err
    assert not list(tmp_path.iterdir())
