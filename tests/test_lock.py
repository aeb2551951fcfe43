"""Only one process owns a folder, and only as long as it lives."""

import json
import os
import platform
import subprocess
import sys
import textwrap

import pytest

from minunet import lock
from minunet.errors import InputError

OTHER = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from minunet import lock
    with lock.owned(Path(sys.argv[1])):
        print("owned", flush=True)
        time.sleep(60)
""")


@pytest.fixture
def other(tmp_path):
    """Start another process that owns the folder."""
    command = [sys.executable, "-c", OTHER, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "owned\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_folder_that_another_process_owns_is_refused(tmp_path, other):
    before = (tmp_path / lock.NAME).read_text()
    with pytest.raises(InputError, match="in use") as error, lock.owned(tmp_path):
        pytest.fail("two owners")
    assert f"process {other.pid} on {platform.node()}, since 20" in str(error.value)
    assert (tmp_path / lock.NAME).read_text() == before


def test_a_killed_owner_owns_nothing(tmp_path, other):
    other.kill()
    other.wait()
    assert (tmp_path / lock.NAME).exists()
    with lock.owned(tmp_path):
        assert json.loads((tmp_path / lock.NAME).read_text())["process"] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_the_same_process_cannot_own_a_folder_twice(tmp_path):
    with lock.owned(tmp_path):
        with pytest.raises(InputError, match="in use"), lock.owned(tmp_path):
            pytest.fail("two owners")
        with pytest.raises(InputError, match="in use"), lock.owned(tmp_path):
            pytest.fail("a refusal released the lock of the owner")
    with lock.owned(tmp_path):
        pass


@pytest.mark.parametrize("left", ["", "\0" * 90, '{"pro', '{"process": 12, "host": "a"}'])
def test_a_file_left_behind_by_a_reboot_locks_nothing(tmp_path, left):
    (tmp_path / lock.NAME).write_text(left)
    with lock.owned(tmp_path):
        assert json.loads((tmp_path / lock.NAME).read_text())["process"] == os.getpid()


@pytest.mark.parametrize("text", ["my notes", '{"pressure": 3}', "\0a"])
def test_a_file_of_the_user_is_kept(tmp_path, text):
    (tmp_path / lock.NAME).write_text(text)
    with pytest.raises(InputError, match="was not written by minunet"), lock.owned(tmp_path):
        pytest.fail("a file of the user was used as a lock")
    assert (tmp_path / lock.NAME).read_text() == text


def test_an_owner_that_has_not_written_its_name_yet_is_another_process(tmp_path):
    with lock.owned(tmp_path):
        os.truncate(tmp_path / lock.NAME, 0)
        with pytest.raises(InputError, match="in use by another process"), lock.owned(tmp_path):
            pytest.fail("two owners")


def test_a_link_is_not_followed(tmp_path):
    target = tmp_path / "precious"
    target.write_text("text")
    (tmp_path / lock.NAME).symlink_to(target)
    with (
        pytest.raises(InputError, match="is a link, and minunet does not"),
        lock.owned(tmp_path),
    ):
        pytest.fail("a link was locked")
    assert target.read_text() == "text"


def test_many_owners_in_turn(tmp_path):
    # Each removes the file that the next one may just have opened.
    script = textwrap.dedent("""
        import os, sys
        from pathlib import Path
        from minunet import lock
        from minunet.errors import InputError
        folder, done = Path(sys.argv[1]), 0
        while done < 40:
            try:
                with lock.owned(folder):
                    os.close(os.open(folder / "owner", os.O_CREAT | os.O_EXCL))
                    os.unlink(folder / "owner")
                    done += 1
            except InputError:
                pass
    """)
    command = [sys.executable, "-c", script, str(tmp_path)]
    for process in [subprocess.Popen(command) for _ in range(3)]:
        assert process.wait() == 0
    assert not list(tmp_path.iterdir())


def test_a_folder_in_which_nothing_can_be_made_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be used: No such file"):
        with lock.owned(tmp_path / "none"):
            pytest.fail("locked")


def test_a_full_disk_does_not_prevent_a_lock(tmp_path, monkeypatch):
    def full(file, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lock.os, "write", full)
    with lock.owned(tmp_path), pytest.raises(InputError, match="in use by another process"):
        with lock.owned(tmp_path):
            pytest.fail("two owners")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_what_is_not_a_file_is_refused_at_once(tmp_path, make):
    make(tmp_path / lock.NAME)
    words = f"{lock.NAME} was not written by minunet; move it away"
    with pytest.raises(InputError, match=words), lock.owned(tmp_path):
        pytest.fail("a pipe cannot be owned")
    assert (tmp_path / lock.NAME).exists()


def test_where_python_is_one_process_without_locks_a_folder_is_owned_all_the_same(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setitem(sys.modules, "fcntl", None)  # importing it fails
    with lock.owned(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [lock.NAME]
    assert list(tmp_path.iterdir()) == []
