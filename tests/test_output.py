"""Standard output and error that are closed do not stop a command."""

import errno
import io
import os
import sys

import pytest

from minunet import output


def broken_pipe():
    """Return a text stream whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return open(writer, "w", encoding="utf-8")


def closed_stream():
    """Return a text stream that is closed."""
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("make", [broken_pipe, closed_stream, lambda: None])
def test_output_that_nobody_reads_goes_nowhere(monkeypatch, make):
    stream = make()
    monkeypatch.setattr(sys, "stdout", stream)
    with output.lasting():
        for _ in range(3):
            print("word " * 5000, flush=True)
        assert not sys.stdout.isatty()
    assert sys.stdout is stream
    if isinstance(stream, io.TextIOWrapper):
        stream.close()  # what is left in its buffer goes nowhere, too


@pytest.mark.parametrize("code", [errno.EIO, errno.EPIPE, errno.ENOSPC])
def test_no_error_of_a_write_is_raised(code):
    class Failing(io.StringIO):
        def write(self, text):
            raise OSError(code, "failed")

        def flush(self):
            raise OSError(code, "failed")

    stream = output.Lasting(Failing())
    assert stream.write("abc") == 3
    stream.flush()


def test_output_that_is_read_arrives(capsys):
    with output.lasting():
        print("a word")
        print("an error", file=sys.stderr)
    assert capsys.readouterr() == ("a word\n", "an error\n")
