"""Commands run on consoles of any encoding, and nothing in a name acts on a terminal."""

import io
import json
import os
import subprocess
import sys

import pytest
from commands import write_stack

from minunet import cli, console


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain µ → é 日本", "plain µ → é 日本"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2J\x07\x9b", r"\x1b[2J\x07\x9b"),
        ("\u202etxt.exe\u2066\u200f", r"\u202etxt.exe\u2066\u200f"),
        ("caf\udce9", r"caf\udce9"),
        ("\u2028\xa0\u3000\U000e0001", "\\u2028\xa0\u3000\\U000e0001"),
        ("", ""),
    ],
)
def test_characters_that_act_on_a_terminal_are_escaped(text, expected):
    assert console.printable(text) == expected
    assert console.printable(expected) == expected


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", b"3->2 ...um ^2 >=1 \\xe9 \\u65e5 \\udce9"),
        ("latin-1", b"3->2 ...\xb5m \xb2 >=1 \xe9 \\u65e5 \\udce9"),
        ("cp1252", b"3->2 \x85\xb5m \xb2 >=1 \xe9 \\u65e5 \\udce9"),
        ("utf-8", "3→2 …µm ² ≥1 é 日 ".encode() + b"\\udce9"),
    ],
)
def test_a_stream_of_any_encoding_accepts_any_text(monkeypatch, encoding, expected):
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", io.StringIO())  # which has no encoding
    console.accept_any_text()
    stream.write("3→2 …µm ² ≥1 é 日 \udce9")
    stream.flush()
    assert written.getvalue() == expected


CONSOLES = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "cp1252": {"PYTHONIOENCODING": "cp1252:strict"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


RUN = """
import json, sys
from importlib import import_module
from minunet import cli

for name, code, *arguments in json.loads(sys.argv[1]):
    sys.argv[1:] = arguments
    places = {"": "__main__", "data": "data.__main__", "models": "models.__main__"}
    module = import_module("minunet." + places.get(name, name))
    try:
        module.main() if name == "" else cli.run(module.main, name)
    except SystemExit as end:
        assert (end.code or 0) == code, (name, arguments)
"""
"""Runs commands one after another in one process, and checks their exit codes."""


@pytest.mark.parametrize("where", CONSOLES)
def test_every_command_has_help_and_messages_on_any_console(where, tmp_path):
    labels = str(write_stack(tmp_path) / "train-labels.tif")
    cases = [
        *((name, 0, "--help") for name in ("", *cli.COMMANDS)),
        ("geometry", 0, "572"),
        ("geometry", 2, "--depth", "64"),
        ("train", 2, "--momentum", "2"),  # not a number ≥ 0 and < 1
        ("evaluate", 0, labels, labels, "--slices"),
        ("", 2, "é→"),
    ]
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(cases)],
        capture_output=True,
        check=False,
        env=os.environ | CONSOLES[where],
    )
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") == 3
    assert b"572 -> 388" in done.stdout
    assert b"\x1b" not in done.stdout + done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="names in bytes")
def test_names_that_are_not_utf8_are_escaped(tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9\x1b[2J\n"
    done = subprocess.run(
        [sys.executable, "-m", "minunet.predict", name, name, "-o", name],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert rb"caf\udce9\x1b[2J\n is not a file" in done.stderr
    assert done.stderr.count(b"\n") == 1
