"""Slices of a prediction and its truth belong together by name, or by order, or are refused."""

import unicodedata

import numpy as np
import pytest
import tifffile

from minunet.data import matching
from minunet.data.image_files import Slices
from minunet.data.matching import Source
from minunet.errors import InputError


def stack(path, count, labels=None):
    """Write a stack, with labels as ImageJ stores them if there are any; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"axes": "ZYX", **({"Labels": labels} if labels else {})}
    pixels = np.zeros((count, 3, 4), np.uint8)
    if count == 1:
        tifffile.imwrite(path, pixels[0])
    else:
        tifffile.imwrite(path, pixels, imagej=True, metadata=metadata)
    return path


def folder(path, names, pages=None):
    for name in names:
        stack(path / f"{name}.tif", (pages or {}).get(name, 1))
    return path


def match(prediction, truth):
    return matching.match(Source(prediction, Slices(prediction)), Source(truth, Slices(truth)))


def refused(prediction, truth):
    with pytest.raises(InputError) as error:
        match(prediction, truth)
    return str(error.value)


def test_two_stacks_by_order(tmp_path):
    one, other = stack(tmp_path / "p.tif", 3), stack(tmp_path / "t.tif", 3)
    assert match(one, other) == ([0, 1, 2], ["0", "1", "2"])
    other = stack(tmp_path / "2.tif", 2)
    assert (
        refused(one, other)
        == f"{one} holds 3 slices, but {other} holds 2 slices; both must have the same number of "
        "slices"
    )


def test_two_folders_by_name_and_page(tmp_path):
    names, pages = ["img10", "img2", "img1"], {"img2": 2}
    one = folder(tmp_path / "p", names, pages)
    other = folder(tmp_path / "t", names[::-1], pages)
    assert match(one, other) == ([0, 1, 2, 3], ["img1", "img2 0", "img2 1", "img10"])


def test_the_message_names_the_file_whose_pages_differ(tmp_path):
    # Five pages in both folders; counted together, all but one would be compared with another.
    one = folder(tmp_path / "p", ["a", "b", "c"], {"a": 2, "c": 2})
    other = folder(tmp_path / "t", ["a", "b", "c"], {"b": 2, "c": 2})
    assert refused(one, other) == (
        f"{one / 'a.tif'} holds 2 slices, but {other / 'a.tif'} holds 1 slice; both must have the "
        "same number of slices"
    )


def test_the_message_names_files_without_a_match(tmp_path):
    one, other = folder(tmp_path / "p", ["a", "b"]), folder(tmp_path / "t", ["b", "c"])
    assert refused(one, other) == (
        f"1 of 2 files in {one} have no match in {other}: a; give a prediction and its truth the "
        "same name"
    )
    stack(one / "c.tif", 1)
    (one / "a.tif").unlink()
    (other / "b.tif").unlink()
    assert f"1 of 2 files in {one} have no match in {other}: b" in refused(one, other)


def test_accents_match_however_they_are_stored(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "Zürich") for form in ("NFC", "NFD"))
    assert composed != decomposed
    one, other = folder(tmp_path / "p", [composed]), folder(tmp_path / "t", [decomposed])
    assert match(one, other) == ([0], [composed])
    labelled = stack(tmp_path / "s.tif", 2, [decomposed, "b"])
    assert match(labelled, folder(tmp_path / "u", [composed, "b"]))[0] == [1, 0]


def test_two_files_of_one_name_are_refused(tmp_path):
    one, other = folder(tmp_path / "p", ["a", "a.ome"]), folder(tmp_path / "t", ["a"])
    assert "have the same name" in refused(one, other)


@pytest.mark.parametrize("suffix", ["", ".tif", ".PNG"])
def test_labels_of_a_stack_are_names(tmp_path, suffix):
    names = ["img10", "img1", "img2"]
    labelled = stack(tmp_path / "p.tif", 3, [name + suffix for name in names])
    files = folder(tmp_path / "t", names)
    assert match(labelled, files) == ([2, 0, 1], [name + suffix for name in names])
    assert match(files, labelled)[0] == [1, 2, 0]
    again = stack(tmp_path / "q.tif", 3, names[::-1])
    assert match(again, labelled)[0] == [2, 1, 0]


def test_a_slice_that_is_missing_is_named(tmp_path):
    # One file could not be segmented; by order, the others would be compared with wrong files.
    labelled = stack(tmp_path / "p.tif", 2, ["a", "c"])
    files = folder(tmp_path / "t", ["a", "b", "c"])
    assert refused(labelled, files) == (
        f"1 of 3 files in {files} have no match in {labelled}: b; give a prediction and its truth "
        "the same name"
    )


@pytest.mark.parametrize("as_stack", [True, False])
def test_words_such_as_mask_in_names_do_not_matter(tmp_path, as_stack):
    # By order, img1 would be compared with img1_2_mask.
    names = ["img1", "img1_2", "img3"]
    one = stack(tmp_path / "p.tif", 3, names) if as_stack else folder(tmp_path / "p", names)
    other = folder(tmp_path / "t", [f"{name}_mask" for name in names])
    order, found = match(one, other)
    assert found == names
    assert [Slices(other).names[k] for k in order] == ["img1_mask", "img1_2_mask", "img3_mask"]


def test_other_names_are_matched_by_order(tmp_path):
    labelled = stack(tmp_path / "p.tif", 2, ["z = 1 µm", "z = 2 µm"])
    files = folder(tmp_path / "t", ["img9", "img10"])
    assert match(labelled, files) == ([0, 1], ["z = 1 µm", "z = 2 µm"])
    assert match(stack(tmp_path / "plain.tif", 2), files) == ([0, 1], ["img9", "img10"])
