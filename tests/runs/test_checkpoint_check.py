"""Every forged checkpoint is refused in one sentence by `load`, `predict` and `train --resume`."""

import os
import shutil
import tracemalloc
import zipfile

import forged
import numpy as np
import pytest
import tifffile
from commands import call, refused

import minunet
from minunet.errors import InputError
from minunet.runs import checkpoint
from minunet.runs.archive import Archive
from minunet.runs.settings import Settings

W, B, V = "params/contract0.w1", "params/out.b", "velocity/out.b"
"""Arrays of the small network: (3, 3, 1, 2), (2,) and (2,)."""


# Forgeries: functions that change the meta and the arrays


def array(name, change):
    """Replace an array by what `change` returns for it."""

    def forge(meta, arrays):
        arrays[name] = change(arrays[name])

    return forge


def value(name, number):
    """Replace the last value of an array."""

    def forge(meta, arrays):
        arrays[name] = arrays[name].copy()
        arrays[name].flat[-1] = number

    return forge


def key(name, new):
    """Replace a key of the meta."""
    return lambda meta, arrays: meta.update({name: new})


def setting(**new):
    """Replace settings."""
    return lambda meta, arrays: meta["config"].update(new)


def without(*path):
    """Remove an array, a key of the meta, or a setting."""

    def forge(meta, arrays):
        inner = arrays if path[0] in arrays else meta
        for part in path[:-1]:
            inner = inner[part]
        del inner[path[-1]]

    return forge


def state(**new):
    """Replace parts of the random state."""

    def forge(meta, arrays):
        inner = meta["random_state"]["state"]
        for name, number in new.items():
            (inner if name in inner else meta["random_state"])[name] = number

    return forge


def extra(name, new):
    """Add an array."""
    return lambda meta, arrays: arrays.update({name: new})


def as_type(dtype):
    return lambda old: old.astype(dtype)


MERSENNE = np.random.Generator(np.random.MT19937(0)).bit_generator.state | {"state": {"pos": 3}}
COLOURS = [[0, 0, 0], [0, 0, 256]]

FORGED = {
    # tensors
    "missing weight": (without(W), f"it lacks {W}"),
    "missing bias": (without(B), f"it lacks {B}"),
    "missing velocity": (without(V), f"it lacks {V}"),
    "extra weight": (extra("params/expand7.w1", np.zeros(2, "f4")), "'params/expand7.w1'"),
    "extra velocity": (extra("velocity/x", np.zeros(2, "f4")), "it contains 'velocity/x', which"),
    "extra array": (extra("secret", np.zeros(2, "f4")), "it contains 'secret', which its network"),
    "control characters": (extra("a\x1b[31m", np.zeros(2, "f4")), r"'a\x1b[31m'"),
    "transposed": (array(W, lambda a: a.T), "the shape (2, 1, 3, 3), but the network of its"),
    "too long": (array(B, lambda a: np.zeros(3, "f4")), "the shape (3,), but the network of its"),
    "scalar": (array(B, lambda a: a[0]), f"{B} has the shape (), but"),
    "empty": (array(B, lambda a: a[:0]), f"{B} has the shape (0,), but"),
    "velocity of another shape": (array(V, lambda a: a[:1]), f"{V} has the shape (1,), but"),
    "float64": (array(W, as_type("f8")), f"{W} contains 'float64' instead of float32"),
    "float16": (array(W, as_type("f2")), f"{W} contains 'float16' instead of float32"),
    "integer": (array(W, as_type("i4")), f"{W} contains 'int32' instead of float32"),
    "big-endian": (array(W, as_type(">f4")), f"{W} contains '>f4' instead of float32"),
    "complex": (array(W, as_type("c8")), f"{W} contains 'complex64' instead of float32"),
    "bool": (array(W, as_type("?")), f"{W} contains 'bool' instead of float32"),
    "text": (array(W, as_type("U9")), f"{W} contains '<U9' instead of float32"),
    "bytes": (array(W, as_type("S9")), f"{W} contains '|S9' instead of float32"),
    "dates": (array(W, lambda a: a.astype("i8").view("M8[s]")), "instead of float32"),
    "records": (array(B, lambda a: a.view([("x", "f4")])), "instead of float32"),
    "objects": (array(W, as_type("O")), f"{W} contains Python objects instead of float32"),
    "velocity in float64": (array(V, as_type("f8")), f"{V} contains 'float64' instead of"),
    "NaN": (value(W, np.nan), f"{W} contains NaN or infinity"),
    "infinity": (value(B, np.inf), f"{B} contains NaN or infinity"),
    "NaN in the velocity": (value(V, np.nan), f"{V} contains NaN or infinity"),
    "minus infinity in the velocity": (value(V, -np.inf), f"{V} contains NaN or infinity"),
    # numbers
    **{
        f"step {new!r}": (key("step", new), f"its step is {new!r}, not a whole number from 0 to 17")
        for new in (True, 3.0, -1, "3", None, [3], 10**30)
    },
    "step of 5000 digits": (key("step", int("9" * 4000)), "its step is 999999"),
    "no step": (without("step"), "its meta lacks step"),
    **{
        f"best {new!r}": (key("best", new), f"its best score is {new!r}, not a number from 0 to 1")
        for new in (True, "0.5", None, float("nan"), float("inf"), -0.5, 1.5, -2)
    },
    "no best": (without("best"), "its meta lacks best"),
    "no random state": (without("random_state"), "its meta lacks random_state"),
    "text as random state": (key("random_state", "PCG64"), "not that of a PCG64 generator"),
    "Mersenne twister": (key("random_state", MERSENNE), "not that of a PCG64 generator"),
    "half a random state": (without("random_state", "uinteger"), "does not have the parts"),
    "no state": (key("random_state", {"bit_generator": "PCG64"}), "does not have the parts"),
    "negative state": (state(state=-1), "state of its random state is -1, out of range"),
    "large state": (state(state=2**128), "state of its random state is 34028236"),
    "float state": (state(state=0.5), "state of its random state is 0.5, out of range"),
    "text in the state": (state(inc="1"), "inc of its random state is '1', out of range"),
    "even increment": (state(inc=4), "inc of its random state is even"),
    "bool in the state": (state(has_uint32=True), "has_uint32 of its random state is True"),
    "large uinteger": (state(uinteger=2**32), "uinteger of its random state is 4294967296, out"),
    # settings
    "no settings": (without("config"), "its meta lacks config"),
    "list of settings": (key("config", []), "its settings are not a JSON object"),
    "null as settings": (key("config", None), "its settings are not a JSON object"),
    "no depth": (without("config", "depth"), "it lacks the setting depth"),
    "no label values": (without("config", "label_values"), "it lacks the setting label_values"),
    "no seed": (without("config", "seed"), "it lacks the setting seed"),
    "depth as text": (setting(depth="1"), "its setting depth is '1', not a whole number"),
    "depth as float": (setting(depth=1.0), "its setting depth is 1.0, not a whole number"),
    "depth 0": (setting(depth=0), "its setting depth is not valid: '0'"),
    "depth 2": (setting(depth=2, tile=44), "it lacks params/contract1.w1"),
    "depth 60": (
        setting(depth=60),
        "its setting depth is not valid: '60' is not a whole number from 1",
    ),
    "depth 10^9": (setting(depth=10**9), "its setting depth is not valid"),
    "depth 10^400": (setting(depth=10**400), "its setting depth is 1000000000"),
    "channels 10^9": (setting(channels=10**9), "its setting channels is not valid"),
    "3 channels": (setting(channels=3), "of its settings needs (3, 3, 1, 3)"),
    "bool as channels": (setting(channels=True), "its setting channels is True, not a whole"),
    "negative in_channels": (
        setting(in_channels=-1),
        "its setting in_channels is -1, not 1 or more",
    ),
    "3 in_channels": (setting(in_channels=3), "of its settings needs (3, 3, 3, 2)"),
    "dropout 1": (setting(dropout=1.0), "its setting dropout is not valid: '1.0'"),
    "dropout NaN": (setting(dropout=float("nan")), "its setting dropout is nan, which no run"),
    "sigma 1e999": (setting(sigma=float("inf")), "its setting sigma is inf, which no run can"),
    "another variant": (setting(variant="v2"), "its setting variant is 'v2', not paper or release"),
    "another scaling": (setting(scaling="log"), "not minmax, standard, image or none"),
    "object as augment": (setting(augment={}), "its setting augment is {}, not"),
    "number as device": (setting(device=3), "its setting device is 3, not auto, cpu or cuda"),
    "number as images": (setting(images=3), "its setting images is 3, not a text or null"),
    "text as cells": (setting(cells="no"), "its setting cells is 'no', not true or false"),
    "channel": (setting(channel=-1), "its setting channel is not valid: '-1' is not a channel"),
    "one class": (setting(label_values=[0]), "its label values are [0], not 2 or more"),
    "no classes": (setting(label_values=[]), "its label values are [], not 2 or more"),
    "three classes": (setting(label_values=[0, 1, 2]), "of its settings needs (1, 1, 2, 3)"),
    "label 256": (setting(label_values=[0, 256]), "its label values are [0, 256], not"),
    "negative label": (setting(label_values=[-1, 0]), "its label values are [-1, 0], not"),
    "equal labels": (setting(label_values=[1, 1]), "its label values are [1, 1], not"),
    "float labels": (setting(label_values=[0.0, 1.0]), "is [0.0, 1.0], not a list of whole num"),
    "text as labels": (setting(label_values="01"), "is '01', not a list of whole numbers"),
    "many labels": (setting(label_values=list(range(10**5))), "its label values are [0, 1, 2,"),
    "one colour": (setting(label_colours=[[0, 0, 0]]), "it has 1 label colours for 2 label values"),
    "colour 256": (setting(label_colours=COLOURS), "its label colours are not numbers from 0"),
    "two-part colours": (setting(label_colours=[[0, 0]] * 2), "not a list of lists"),
    # format
    **{
        f"format {new!r}": (key("format", new), f"its format is {new!r}, not a positive whole num")
        for new in (True, 2.0, "2", None, 0, -2)
    },
}
"""Each forgery with words of its sentence; many files combine several kinds of damage."""


def forge(path, change, signed):
    meta, arrays = forged.contents()
    change(meta, arrays)
    if signed:
        forged.sign(meta, arrays)
    forged.write(path, meta, arrays)


def doors(folder, name="last.npz"):
    """Return the sentence of all ways to open a checkpoint, after checking that they are equal."""
    path = folder / name
    before = sorted(folder.parent.rglob("*"))
    with pytest.raises(InputError) as error:
        minunet.load(path, "cpu")
    said = str(error.value)
    out = folder.parent / "out"
    assert refused(call("predict", path, "image.tif", "-o", out)).endswith(said)
    assert refused(call("train", "--resume", folder)).endswith(said)
    assert sorted(folder.parent.rglob("*")) == before
    assert str(path) in said
    assert said.isprintable()
    assert len(said) < 300 + 3 * len(str(path))
    return said


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.mark.parametrize("signed", [False, True], ids=["old", "signed"])
def test_the_files_are_valid_before_they_are_changed(run, signed):
    forge(run / "last.npz", lambda meta, arrays: None, signed)
    meta, arrays = forged.contents()
    found = checkpoint.load(run / "last.npz")
    assert (found.step, found.best) == (12, 0.5)
    assert found.settings == meta["config"]
    for name, tensor in arrays.items():
        kind, _, rest = name.partition("/")
        np.testing.assert_array_equal(getattr(found, kind)[rest], tensor)


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_file_is_refused(run, name):
    change, words = FORGED[name]
    forge(run / "last.npz", change, signed=False)
    said = doors(run)
    assert words in said
    assert "was not written by minunet, or was altered" in said


@pytest.mark.parametrize("name", ["missing bias", "float64", "NaN", "no seed", "step -1"])
def test_a_forged_file_with_a_valid_checksum_is_not_called_damaged(run, name):
    change, words = FORGED[name]
    forge(run / "last.npz", change, signed=True)
    said = doors(run)
    assert words in said
    assert "was not written by minunet, or was altered" in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (FORGED["NaN"][0], "contains NaN or infinity"),
        (FORGED["missing bias"][0], "it lacks params/out.b"),
        (FORGED["float64"][0], "contains 'float64'"),
        (value(W, 3), "do not match its checksum"),
        (value(V, 3), "do not match its checksum"),
        (key("step", 13), "do not match its checksum"),
        (setting(seed=1), "do not match its checksum"),
        (key("checksum", None), "do not match its checksum"),
        (lambda meta, arrays: arrays.update({B: arrays.pop(B)}), "do not match its checksum"),
    ],
)
def test_a_file_with_another_checksum_is_damaged(run, change, words):
    meta, arrays = forged.contents()
    forged.sign(meta, arrays)
    change(meta, arrays)
    forged.write(run / "last.npz", meta, arrays)
    said = doors(run)
    assert words in said
    assert said.startswith(f"{run / 'last.npz'} is damaged: ")
    assert said.endswith("; try a copy, or the other of best.npz and last.npz")
    shutil.copy(run / "last.npz", run / "best.npz")
    assert doors(run).endswith(f"; try {run / 'best.npz'}, or a copy")


def test_a_newer_format_says_to_update(run):
    forge(run / "last.npz", key("format", 4), signed=True)
    said = doors(run)
    assert "has format 4, but this version of minunet reads formats 2 and 3;" in said
    assert said.endswith("a newer minunet wrote it: update minunet")


def test_an_older_format_needs_an_older_version(run):
    forge(run / "last.npz", key("format", 1), signed=True)
    assert doors(run).endswith("reads formats 2 and 3; use the version that wrote it")


def test_an_unknown_setting_may_be_a_newer_one(run):
    forge(run / "last.npz", setting(optimizer="adam"), signed=True)
    assert doors(run).endswith(
        "or a newer minunet wrote it: its setting 'optimizer' is unknown; update minunet"
    )


# The meta


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        (np.array("not JSON"), "its meta is not JSON"),
        (np.array(""), "its meta is not JSON"),
        (np.array("[" * 100_000), "its meta is not JSON"),
        (np.array('{"format": ' + "9" * 5000 + "}"), "its meta is not JSON"),
        (np.array("3"), "its meta is not a JSON object with a format"),
        (np.array("[2]"), "its meta is not a JSON object with a format"),
        (np.array("{}"), "its meta is not a JSON object with a format"),
        (np.arange(9.0), "meta is not a text"),
        (np.array(["{}", "{}"]), "meta is not a text"),
        (np.array(b"{}"), "meta is not a text"),
        (np.array([{"format": 2}]), "meta is not a text"),
        (np.array(" " * 2_000_000), "meta is a text of 2000000 characters"),
    ],
)
def test_another_meta_is_refused(run, meta, words):
    forged.write(run / "last.npz", meta, forged.contents()[1])
    said = doors(run)
    assert "is not a checkpoint of minunet, or is damaged" in said
    assert words in said


# The zip file


def rewrite(path, change):
    """Write the members of a zip file again, as `change` returns them for each."""
    with zipfile.ZipFile(path) as file:
        members = [(info.filename, file.read(info)) for info in file.infolist()]
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members:
            for new_name, new_data, compression in change(name, data):
                file.writestr(new_name, new_data, compression)


STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda n, d: [(n, d, STORED)] * (1 + (n == f"{B}.npy")), f"'{B}.npy' twice"),
        (lambda n, d: [(n, d, STORED)] * (1 + (n == "meta.npy")), "'meta.npy' twice"),
        (lambda n, d: [(n, d, DEFLATED)], "'meta.npy' is compressed"),
        (lambda n, d: [(n.replace("out.b.npy", "out.b"), d, STORED)], "which is not an array"),
        (lambda n, d: [(n, d, STORED), (f"{n}/", b"", STORED)], "which is not an array"),
        (lambda n, d: [(f"x/{n}", d, STORED)], "it contains no meta"),
        (lambda n, d: [(n, d[:-1] if n == "meta.npy" else d, STORED)], "the file holds"),
    ],
)
def test_another_zip_file_is_refused(run, change, words):
    forge(run / "last.npz", lambda meta, arrays: None, signed=True)
    rewrite(run / "last.npz", change)
    said = doors(run)
    assert "is not a checkpoint of minunet, or is damaged" in said
    assert words in said


@pytest.mark.parametrize("signed", [False, True], ids=["old", "signed"])
@pytest.mark.parametrize("field", [20, 24], ids=["compressed size", "size"])
def test_a_damaged_size_in_the_zip_directory_is_not_called_altered(run, field, signed):
    forge(run / "last.npz", lambda meta, arrays: None, signed)
    whole = bytearray((run / "last.npz").read_bytes())
    entry = whole.index(b"PK\1\2", whole.index(b"PK\1\2") + 1)  # of the second array
    whole[entry + field] ^= 1 << 4
    (run / "last.npz").write_bytes(whole)
    assert "is damaged" in doors(run)


@pytest.mark.parametrize(
    ("descr", "shape", "body", "words"),
    [
        ("<f4", (10**12,), b"", "has the shape (1000000000000,), but"),
        ("<f4", (2,), b"\0" * 4, "has the shape (2,), which takes 8 bytes, but the file holds 4"),
        ("<f4", (2,), b"\0" * 12, "has the shape (2,), which takes 8 bytes, but the file holds 12"),
        ("<f4", (-2,), b"\0" * 8, "has the shape (-2,), but"),
        ("<f4", (10**6,) * 2000, b"", "is not a checkpoint of minunet, or is damaged"),
        ("|O", (2,), b"\0" * 8, "contains Python objects instead of float32"),
        ("<U100000000", (2,), b"", "instead of float32"),
        ("nonsense", (2,), b"\0" * 8, "is not a checkpoint of minunet, or is damaged"),
    ],
)
def test_a_claimed_size_is_not_allocated(run, descr, shape, body, words):
    forge(run / "last.npz", without(B), signed=False)
    forged.write_header(run / "last.npz", B, descr, shape, body)
    tracemalloc.start()
    with pytest.raises(InputError):
        checkpoint.load(run / "last.npz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000
    assert words in doors(run)


def test_a_meta_of_claimed_size_is_not_allocated(run):
    np.savez(run / "last.npz", **forged.contents()[1])
    forged.write_header(run / "last.npz", "meta", "<U1000000", (), b"")
    assert "meta has the shape (), which takes 4000000 bytes, but the file holds 0" in doors(run)


def test_a_bomb_is_not_unpacked(run):
    with zipfile.ZipFile(run / "last.npz", "w", DEFLATED) as file:
        file.writestr("meta.npy", b"\0" * 100_000_000)
    assert "'meta.npy' is compressed" in doors(run)


def test_members_that_overlap_are_refused(run):
    forge(run / "last.npz", lambda meta, arrays: None, signed=True)
    with zipfile.ZipFile(run / "last.npz", "a") as file:
        info = file.getinfo("meta.npy")
        for k in range(50):  # all claim the bytes of the first
            again = zipfile.ZipInfo(f"copy{k}.npy")
            again.header_offset, again.CRC = info.header_offset, info.CRC
            again.file_size = again.compress_size = info.file_size
            file.filelist.append(again)
        file._didModify = True
    assert "is not a checkpoint of minunet, or is damaged" in doors(run)


def test_a_million_members_are_refused(run):
    with zipfile.ZipFile(run / "last.npz", "w") as file:
        for k in range(10_001):
            file.writestr(f"{k}.npy", b"")
    assert "it contains 10001 arrays" in doors(run)


def test_members_larger_than_the_file_are_refused(run):
    forge(run / "last.npz", lambda meta, arrays: None, signed=True)
    whole = bytearray((run / "last.npz").read_bytes())
    entry = whole.index(b"PK\1\2")
    whole[entry + 20 : entry + 28] = b"\0\0\0\x70" * 2
    (run / "last.npz").write_bytes(whole)
    assert "its arrays are larger than the file" in doors(run)


@pytest.mark.filterwarnings("default")
def test_a_python_2_header_prints_no_warning(run, recwarn):
    forge(run / "last.npz", without(B), signed=False)
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2L,)}"
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    with zipfile.ZipFile(run / "last.npz", "a") as file:
        start = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little")
        file.writestr(f"{B}.npy", start + header + bytes(8))
    assert "is not a checkpoint of minunet, or is damaged" in doors(run)
    assert not recwarn


def test_a_lack_of_memory_is_not_called_damage(run, monkeypatch):
    def fail(*given):
        raise MemoryError

    forge(run / "last.npz", lambda meta, arrays: None, signed=True)
    monkeypatch.setattr(Archive, "array", fail)
    with pytest.raises(MemoryError):
        checkpoint.load(run / "last.npz")


def test_an_array_in_fortran_order_is_read(tmp_path):
    meta, arrays = forged.contents()
    arrays[W] = np.asfortranarray(arrays[W])
    forged.write(tmp_path / "last.npz", meta, arrays)
    found = checkpoint.load(tmp_path / "last.npz").params["contract0.w1"]
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, arrays[W])


# Files that stay valid


OLDEST = (
    "images labels labels_are truth validation scaling depth channels variant dropout weight_map "
    "w0 sigma augment tile steps learning_rate momentum clip warm_up score average smallest "
    "validate_every preset experiment seed device label_values cells fingerprint in_channels"
)
"""The settings in the first checkpoints of format 2."""


def test_the_first_checkpoints_still_load(tmp_path):
    meta, arrays = forged.contents()
    meta["config"] = {name: meta["config"][name] for name in OLDEST.split()}
    meta["config"]["augment"] = "authors"
    forged.write(tmp_path / "last.npz", meta, arrays)
    saved = checkpoint.load(tmp_path / "last.npz")
    assert Settings.from_json(saved.settings).augment == "later"
    assert minunet.load(tmp_path / "last.npz", "cpu").settings.channels == 2


def test_whole_numbers_are_valid_where_numbers_are(tmp_path):
    meta, arrays = forged.contents(clip=1, w0=10, learning_rate=0)
    meta |= {"best": -1, "step": 0}
    forged.write(tmp_path / "last.npz", meta, arrays)
    assert checkpoint.load(tmp_path / "last.npz").best == -1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_named_pipe_is_not_opened(run):
    os.mkfifo(run / "last.npz")
    with pytest.raises(InputError, match="is not a file"):
        checkpoint.load(run / "last.npz")


def test_predict_names_no_image_before_the_checkpoint_is_checked(run, tmp_path):
    tifffile.imwrite(tmp_path / "image.tif", np.zeros((30, 30), np.uint8))
    forge(run / "last.npz", FORGED["NaN"][0], signed=True)
    result = call("predict", run / "last.npz", tmp_path / "image.tif", "-o", tmp_path / "out")
    assert "contains NaN or infinity" in refused(result)
    assert result.out == ""
    assert not (tmp_path / "out").exists()
