"""Commands share their argument types, help format and exit codes."""

import argparse
import shlex
from pathlib import Path

import pytest

from minunet import cli
from minunet.errors import InputError
from minunet.fast import allocator


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (cli.at_least(1), "1", 1),
        (cli.at_least(0), "12", 12),
        (cli.at_least(0, float), "0", 0.0),
        (cli.at_least(0, float), "1e-3", 0.001),
        (cli.at_least(0, float, below=1), "0.999", 0.999),
    ],
)
def test_valid_numbers(type_, text, value):
    assert type_(text) == value
    assert type(type_(text)) is type(value)


@pytest.mark.parametrize(
    ("type_", "text", "valid"),
    [
        *[(cli.at_least(1), text, "a whole number ≥ 1") for text in ("0", "-3", "1.5", "", "x")],
        *[(cli.at_least(0, float), text, "a number ≥ 0") for text in ("-1e-9", "nan", "inf", "x")],
        *[(cli.at_least(0, float, below=1), t, "a number ≥ 0 and < 1") for t in ("1", "-1", "nan")],
    ],
)
def test_invalid_numbers_are_refused(type_, text, valid):
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        type_(text)
    assert str(refused.value) == f"{text!r} is not {valid}"


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


def test_ctrl_c_prints_no_traceback(capsys):
    code, out, err = end_of(raising(KeyboardInterrupt()), capsys)
    assert (code, out) == (130, "")
    assert err.count("\n") == 1


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
