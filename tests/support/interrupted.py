"""Run a command in processes that are killed, signalled or given an error at a chosen call.

A server imports minunet once, and forks for every run, so that a run takes a fraction of a second.
"""

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import traceback
from collections import namedtuple
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

COUNTED = ("predict.py", "files.py", "lock.py", "prediction/")
"""Files of minunet whose calls are counted."""


class Run(NamedTuple):
    """How a run ended."""

    code: int  # exit code, or minus the number of the signal that killed the process
    err: str
    calls: list[str]  # names of the calls that were counted, in their order


class Server:
    """A process that runs commands, and is stopped at the end of the block."""

    def __enter__(self):
        """Start the server."""
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )
        return self

    def __exit__(self, *_):
        """Stop the server."""
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()

    def run(self, module, *arguments, at=None, what="SIGKILL", largest=None, blind=False, **more):
        """Run a command; at its call number `at`, send it a signal, or raise ENOSPC.

        `largest` is the maximum size of a file in bytes, beyond which writing fails. With `blind`,
        the command does not see how much space is free. With `count`, the calls are returned.
        """
        asked = {"module": module, "arguments": [*map(str, arguments)], "at": at, "what": what}
        asked |= {"largest": largest, "blind": blind} | more
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return Run(**json.loads(self.process.stdout.readline()))


def label(frame, event, function):
    """Return the name of a call to or in a counted file; None elsewhere."""
    code = frame.f_code
    where = code.co_filename.rpartition("/minunet/")[2]
    if event not in ("call", "c_call") or not where.startswith(COUNTED):
        return None
    inner = function.__name__ if event == "c_call" else ""
    return f"{where} {code.co_qualname} {inner}"


def quick_preview(path, slices, title):
    """Write a file instead of drawing a picture, which takes longer than everything else."""
    from minunet import files

    with files.atomic(path) as beside:
        beside.write_bytes(b"".join(one.p.tobytes() for one in slices))


def child(asked, calls):
    """Run the command, and exit."""
    from minunet import cli

    if asked["largest"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["largest"],) * 2)
    if asked["blind"]:
        usage = namedtuple("usage", "total used free")
        shutil.disk_usage = lambda path: usage(2**50, 0, 2**50)
    count, at, what = 0, asked["at"], asked["what"]

    def profile(frame, event, function):
        nonlocal count
        name = label(frame, event, function)
        if name is None:
            return
        if asked.get("count"):
            print(name, file=calls)
        elif count == at:
            count += 1
            if what == "ENOSPC":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.kill(os.getpid(), getattr(signal, what))
        count += 1

    main = import_module(f"minunet.{asked['module']}").main

    def counted():
        sys.setprofile(profile)
        try:
            main()
        finally:
            sys.setprofile(None)

    sys.argv = [asked["module"], *asked["arguments"]]
    cli.run(counted, asked["module"])


def forked(asked, err, files):
    """Run the command in a forked process, which ends with its exit code."""
    code = 1
    try:
        os.dup2(err, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.stdout, sys.stderr = (open(k, "w", buffering=1, closefd=False) for k in (1, 2))
        with files["calls"].open("w") as calls:
            child(asked, calls)
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    with suppress(OSError):  # beyond the maximum size of a file
        files["modules"].write_text("\n".join(sys.modules))
    os._exit(code)


def serve():
    """Answer every line of standard input with the end of a run."""
    from minunet.report import run_pictures

    run_pictures.preview = quick_preview
    folder = Path(os.environ.get("TMPDIR", "/tmp"))
    files = {name: folder / f"run-{os.getpid()}-{name}" for name in ("calls", "modules")}
    for line in sys.stdin:
        read, write = os.pipe()
        process = os.fork()
        if process == 0:
            forked(json.loads(line), write, files)
        os.close(write)
        with os.fdopen(read) as err:
            said = err.read()
        _, status = os.waitpid(process, 0)
        texts = {name: path.read_text() if path.exists() else "" for name, path in files.items()}
        code = os.waitstatus_to_exitcode(status)
        answer = {"code": code, "err": said, "calls": texts["calls"].splitlines()}
        print(json.dumps(answer), flush=True)
        for name in texts["modules"].splitlines():  # the next run needs them, too
            if name not in sys.modules and name.split(".")[0] != "__main__":
                with suppress(ImportError):
                    import_module(name)
    for path in files.values():
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    serve()
