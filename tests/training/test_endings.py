"""A run that ends early says in one line what is saved, and how to continue it."""

import errno

import pytest

from minunet.errors import InputError
from minunet.fast import threads
from minunet.runs.settings import from_options
from minunet.stopping import Stopped
from minunet.training import endings
from minunet.training import state as states
from minunet.training.state import DivergedError

SETTINGS = from_options(depth=1, channels=2, tile=24, device="cpu", learning_rate=0.3)


def save(folder, step):
    """Save a checkpoint; return its state."""
    state = states.start(SETTINGS, "cpu")
    state.step = step
    states.save(folder / "last.npz", SETTINGS, state)
    return state


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (None, "no step was saved"),
        (0, "last.npz contains the initial weights"),
        (40, "last.npz contains the run up to step 40"),
    ],
)
@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EROFS, "Allow minunet to read and write it"),
        (errno.EIO, "Fix this"),
    ],
)
def test_an_error_of_the_system(tmp_path, step, said, code, remedy):
    if step is not None:
        save(tmp_path, step)
    error = OSError(code, "what the system says", "file.png")
    with pytest.raises(InputError) as refused, endings.explained(tmp_path):
        raise error
    again = f"python -m minunet.train --resume {tmp_path}"
    expected = f"file.png: what the system says; {said}. {remedy}, then continue: {again}"
    assert str(refused.value) == expected


def test_a_folder_that_is_gone(tmp_path):
    with pytest.raises(InputError, match="gone no longer exists; move it back"):
        with endings.explained(tmp_path / "gone"):
            raise FileNotFoundError(
                errno.ENOENT, "No such file", str(tmp_path / "gone" / "log.csv")
            )


@pytest.mark.parametrize(("stop", "code"), [(Stopped(15), 143), (KeyboardInterrupt(), 130)])
def test_a_signal(tmp_path, capsys, stop, code):
    save(tmp_path, 7)
    with pytest.raises(SystemExit) as end, endings.explained(tmp_path, "the command"):
        raise stop
    assert end.value.code == code
    said = "stopped; last.npz contains the run up to step 7. To continue: the command\n"
    assert capsys.readouterr().out == said


def test_divergence(tmp_path):
    error = DivergedError("the energy of step 6 is not finite")
    state = save(tmp_path, 3)
    assert "Start a new run with a lower" in endings.diverged(tmp_path, SETTINGS, state, error)
    state.step = 5
    assert endings.diverged(tmp_path, SETTINGS, state, error) == (
        "the energy of step 6 is not finite; last.npz contains the run up to step 3. Try a lower "
        f"rate: python -m minunet.train --resume {tmp_path} --learning-rate 0.1"
    )
    state.step = 0
    said = endings.diverged(tmp_path, SETTINGS, state, error)
    assert "No step had been taken yet" in said
    assert "last.npz" not in said


@pytest.mark.parametrize(
    ("stored", "wanted", "used", "said"),
    [
        (None, None, 5, ""),
        (None, 2, 2, ""),
        (3, None, 3, ""),
        (3, 3, 3, ""),
        (3, 2, 2, "2 instead of the 3 that the run was started with"),
        (4, None, 4, "4, as when the run was started, although 3 are available here"),
        (4, 4, 4, ""),
    ],
)
def test_the_threads_of_a_run(monkeypatch, threads_as_before, stored, wanted, used, said):
    threads.use(5)
    monkeypatch.setattr(threads, "cores", lambda: 3)
    settings = from_options(threads=stored)
    found, note = endings.threads_of_resumed(settings, wanted)
    assert threads.count() == used
    assert found.threads == (wanted or stored)
    assert (said in note) if said else not note
