"""Finished slices are kept and continued; what is not of this prediction is refused."""

import json

import numpy as np
import pytest
import tifffile

from minunet.errors import InputError
from minunet.prediction import unfinished
from minunet.prediction.output_files import Layout
from minunet.prediction.unfinished import State, Unfinished

MADE_OF = {"model": "0" * 64, "--tile": (24,), "--threads": 2}
NAMES = ("labels.tif", "preview/a.png")
LAYOUT = Layout("labels.tif", (3, 4, 5), "ZYX", np.uint8)


def begin(out, old=None, **fields):
    return Unfinished(out, State(MADE_OF, 3)._replace(**fields), NAMES, old)


def tree(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def predict(kept, upto=3, error=None):
    """Write slices up to number `upto` with their numbers; then raise an error, or finish."""
    first = kept.state.finished
    with kept.kept("COMMAND"):
        labels = kept.map(LAYOUT, first > 0)
        for k in range(first, upto):
            labels[k] = k
            kept.count()
        if error:
            raise error
        (kept.folder / "preview").mkdir(exist_ok=True)
        (kept.folder / "preview" / "a.png").write_text("picture")


def stopped(out, upto=2, error=KeyboardInterrupt):
    with pytest.raises(error):
        predict(begin(out), upto, error("because"))
    return unfinished.find(out, resume=True)


def check_finished(out):
    assert tree(out) == set(NAMES)
    assert {path.name for path in out.iterdir()} == {"labels.tif", "preview"}
    expected = np.arange(3)[:, None, None] * np.ones((1, 4, 5))
    np.testing.assert_array_equal(tifffile.imread(out / "labels.tif"), expected)


def test_files_appear_when_all_are_complete(tmp_path):
    kept = begin(tmp_path)
    predict(kept)
    check_finished(tmp_path)
    assert not kept.folder.exists()
    assert unfinished.find(tmp_path, resume=False) is None


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, InputError, MemoryError, ValueError])
@pytest.mark.parametrize("upto", [1, 2, 3])
def test_finished_slices_are_kept_and_continued(tmp_path, error, upto):
    old = stopped(tmp_path, upto, error)
    assert (old.finished, old.slices, old.complete, old.threads) == (upto, 3, False, 2)
    assert tree(tmp_path) == {"unfinished/labels.tif", "unfinished/progress.json"}
    kept = begin(tmp_path, old)
    assert kept.state.finished == upto
    predict(kept)
    check_finished(tmp_path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, InputError])
def test_nothing_is_left_without_a_finished_slice(tmp_path, error):
    (tmp_path / "notes.txt").write_text("mine")
    assert stopped(tmp_path, 0, error) is None
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_unrecorded_slice_is_computed_again(tmp_path, monkeypatch):
    kept = begin(tmp_path)
    monkeypatch.setattr(unfinished, "SHARE", 10**9)
    monkeypatch.setattr(Unfinished, "record", fail_after(Unfinished.record, 2))
    with pytest.raises(OSError):
        predict(kept, 3, OSError("full"))
    monkeypatch.undo()
    old = unfinished.find(tmp_path, resume=True)
    assert old.finished == 0 or old.finished == kept.saved.finished


def fail_after(function, times):
    calls = []

    def limited(self):
        calls.append(1)
        if len(calls) > times:
            raise OSError("full")
        function(self)

    return limited


def test_slices_are_recorded_after_their_data(tmp_path, monkeypatch):
    order = []
    flush = np.memmap.flush
    monkeypatch.setattr(np.memmap, "flush", lambda self: (order.append("data"), flush(self)))
    atomic = unfinished.files.atomic
    monkeypatch.setattr(
        unfinished.files, "atomic", lambda path: (order.append(path.name), atomic(path))[1]
    )
    monkeypatch.setattr(unfinished, "SHARE", 0)
    predict(begin(tmp_path))
    slices = ["data", "progress.json"] * 3
    assert order == ["progress.json", *slices, "data", "progress.json"]


def test_waiting_for_the_disk_has_a_limited_share(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(unfinished.time, "monotonic", lambda: now[0])
    written = []

    def atomic(path, real=unfinished.files.atomic):
        now[0] += 1.0  # a slow disk
        written.append(now[0])
        return real(path)

    monkeypatch.setattr(unfinished.files, "atomic", atomic)
    kept = begin(tmp_path, slices=1000)
    with pytest.raises(KeyboardInterrupt), kept.kept("COMMAND"):
        for _ in range(1000):
            now[0] += 1.0
            kept.count()
        raise KeyboardInterrupt
    # One second after at least 50 of computing: 1000 / 50, at the start and at the end.
    assert 18 <= len(written) <= 22
    assert unfinished.find(tmp_path, resume=True).finished == 1000


def test_without_resume_both_ways_are_named(tmp_path):
    stopped(tmp_path)
    with pytest.raises(
        InputError, match=r"\(2 of 3 slices finished\); add --resume .* or remove that"
    ):
        unfinished.find(tmp_path, resume=False)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"made_of": MADE_OF | {"model": "1" * 64}}, "another model; use the same model"),
        ({"made_of": MADE_OF | {"--tile": (36,)}}, r"another --tile \(\[24\], not \[36\]\); use"),
        ({"made_of": MADE_OF | {"--new": 1}}, r"another --new \(None, not 1\)"),
        ({"slices": 4}, "3 slices, not 4"),
    ],
)
def test_another_prediction_is_not_continued(tmp_path, fields, words):
    old = stopped(tmp_path)
    with pytest.raises(InputError, match=words):
        begin(tmp_path, old, **fields)


GOOD = {"made_of": {}, "slices": 3, "finished": 1, "complete": False}


@pytest.mark.parametrize(
    "state",
    [
        *("", "{", "[]", "3", "\0" * 99, json.dumps(GOOD | {"new": 1})),
        *(json.dumps(GOOD | {"finished": n}) for n in (-1, 4, 1.0, True, None, "1", 10**30)),
        json.dumps(GOOD | {"made_of": 3}),
    ],
)
@pytest.mark.parametrize("resume", [True, False])
def test_a_damaged_state_is_refused(tmp_path, state, resume):
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "progress.json").write_text(state)
    with pytest.raises(InputError, match=r"progress.json is missing or damaged; remove that"):
        unfinished.find(tmp_path, resume)


def test_what_is_not_a_folder_of_predict_is_kept(tmp_path):
    path = tmp_path / "unfinished"
    path.write_text("mine")
    with pytest.raises(InputError, match="is not a folder, but"):
        unfinished.find(tmp_path, resume=True)
    path.unlink()
    path.mkdir()
    assert unfinished.find(tmp_path, resume=True) is None
    (path / "progress.json.0123456789abcdef.part").write_text("of a killed process")
    assert unfinished.find(tmp_path, resume=True) is None
    (path / "novel.txt").write_text("mine")
    with pytest.raises(InputError, match="remove that folder"):
        unfinished.find(tmp_path, resume=True)
    (path / "novel.txt").unlink()
    (path / "labels.tif").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"labels\.tif is a link"):
        unfinished.find(tmp_path, resume=True)


def test_a_file_of_the_user_stays(tmp_path):
    kept = begin(tmp_path)
    with pytest.raises(KeyboardInterrupt), kept.kept("COMMAND"):
        (kept.folder / "notes.txt").write_text("mine")
        raise KeyboardInterrupt
    assert (kept.folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_moving_is_continued(tmp_path, monkeypatch, moved):
    move, calls = unfinished.files.move, []

    def interrupted(source, target):
        if len(calls) == moved:
            raise KeyboardInterrupt
        calls.append(target)
        move(source, target)

    monkeypatch.setattr(unfinished.files, "move", interrupted)
    if moved < len(NAMES):
        with pytest.raises(KeyboardInterrupt):
            predict(begin(tmp_path))
    else:
        predict(begin(tmp_path))
    monkeypatch.undo()
    old = unfinished.find(tmp_path, resume=True)
    if old:
        assert old.complete
        with begin(tmp_path, old).kept("COMMAND"):
            pass
    check_finished(tmp_path)


def test_a_file_that_appeared_in_the_meantime_is_kept(tmp_path):
    kept = begin(tmp_path)
    with pytest.raises(InputError, match=r"labels\.tif already exists.*3 of 3 slices are kept"):
        with kept.kept("COMMAND"):
            kept.map(LAYOUT, False)
            (kept.folder / "preview").mkdir()
            (kept.folder / "preview" / "a.png").write_text("picture")
            for _ in range(3):
                kept.count()
            (tmp_path / "labels.tif").write_text("mine")
    assert (tmp_path / "labels.tif").read_text() == "mine"


def test_what_is_said(tmp_path):
    with pytest.raises(KeyboardInterrupt) as error, unfinished.explained(tmp_path, "COMMAND"):
        raise KeyboardInterrupt
    assert str(error.value) == "SIGINT"
    with pytest.raises(InputError, match=r"^b: Full; no slice is kept\. .* run predict again$"):
        with unfinished.explained(tmp_path, "COMMAND"):
            raise OSError(28, "Full", "b")
    stopped(tmp_path)
    folder = tmp_path / "unfinished"
    with pytest.raises(KeyboardInterrupt) as error, unfinished.explained(tmp_path, "COMMAND"):
        raise KeyboardInterrupt("SIGTERM")
    kept = f"2 of 3 slices are kept in {folder}."
    assert str(error.value) == f"SIGTERM; {kept} To continue: COMMAND"
    with pytest.raises(InputError) as error, unfinished.explained(tmp_path, "COMMAND"):
        raise OSError(28, "No space left on device", "a.tif")
    said = f"a.tif: No space left on device; {kept} Fix this, then continue: COMMAND"
    assert str(error.value) == said
    with pytest.raises(InputError) as error, unfinished.explained(tmp_path, "COMMAND"):
        raise InputError("about the input")
    assert str(error.value) == "about the input"


def test_a_folder_that_is_removed_meanwhile(tmp_path):
    kept = begin(tmp_path)
    with pytest.raises(InputError, match=r"unfinished was removed or renamed .* run predict again"):
        with kept.kept("COMMAND"):
            (kept.folder / "progress.json").unlink()
            kept.folder.rmdir()
            kept.record()
