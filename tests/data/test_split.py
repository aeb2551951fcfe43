"""Slices are held out as asked; invalid splits are refused clearly."""

import unicodedata
from pathlib import Path

import pytest

from minunet.data import split
from minunet.errors import InputError


def stack(count):
    """List the files of the slices of one stack."""
    return [Path("/data/stack.tif")] * count


def files(names, folder="/data/images"):
    return [Path(folder) / name for name in names.split()]


@pytest.mark.parametrize(
    ("block", "count", "held_out"),
    [
        ("none", 7, []),
        ("0", 7, []),
        ("0.2", 10, [8, 9]),
        ("0.2", 24, [19, 20, 21, 22, 23]),
        ("0.2", 2, [1]),  # at least one if there are several
        ("0.01", 30, [29]),
        ("0.2", 1, []),  # a single slice is used for training
        ("0.75", 4, [1, 2, 3]),
        ("0:3", 7, [0, 1, 2]),
        ("2:4", 7, [2, 3]),
        ("6:7", 7, [6]),
    ],
)
def test_split_into_training_and_validation(block, count, held_out):
    training, validation, _ = split.split(block, stack(count))
    assert validation == held_out
    assert training == [k for k in range(count) if k not in held_out]


@pytest.mark.parametrize("count", [1, 2, 5, 24])
@pytest.mark.parametrize("percent", range(0, 75, 7))
def test_a_fraction_is_one_contiguous_block_at_the_end(count, percent):
    training, held_out, _ = split.split(f"{percent / 100}", stack(count))
    assert training + held_out == list(range(count))
    assert training
    if count > 1 and percent:
        assert held_out
        assert len(held_out) <= max(1, count * percent / 100 + 0.5)


@pytest.mark.parametrize(
    "block",
    ["1", "1.5", "-0.1", "nan", "all", "", "3", "2:2", "4:2", "-1:2", "5:8", "1:2:3", "a:b"],
)
def test_invalid_validation_blocks_are_refused(block):
    with pytest.raises(InputError, match=r"FIRST:END within 0:7, a fraction.*none") as refused:
        split.split(block, stack(7))
    assert f"validation is {block};" in str(refused.value)


def test_at_least_one_slice_is_left_for_training():
    for block, count in (("0:7", 7), ("0:1", 1)):
        with pytest.raises(
            InputError, match=f"{block} leaves no slice for training, of {count} in all"
        ):
            split.split(block, stack(count))
    assert split.split("0.95", stack(7))[:2] == ([0], [1, 2, 3, 4, 5, 6])
    assert split.split("0.95", stack(1))[:2] == ([0], [])


IMAGES = files("img1.png img2.png img3.png img3.png img10.tif spec2_a.tif spec2_b.tif")


@pytest.mark.parametrize(
    ("names", "held_out"),
    [
        ("img1", [0]),
        ("img1.png", [0]),
        ("img1.PNG", [0]),
        ("img3", [2, 3]),  # both slices of the file
        ("img10,img2", [1, 4]),
        ("img10.tif, img2.png", [1, 4]),
        ("spec2_*", [5, 6]),
        ("spec2_?.tif", [5, 6]),
        ("img*,spec2_b", [0, 1, 2, 3, 4, 6]),
        ("images/img1.png", [0]),
        ("/data/images/img1.png", [0]),
    ],
)
def test_files_are_held_out_by_name(names, held_out):
    training, found, _ = split.split(names, IMAGES)
    assert found == held_out
    assert training == [k for k in range(len(IMAGES)) if k not in held_out]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_are_compared_in_unicode_normal_form(form):
    decomposed = [Path(unicodedata.normalize("NFD", name)) for name in ("Zürich.tif", "Bär.tif")]
    assert split.split(unicodedata.normalize(form, "Bär"), decomposed)[:2] == ([0], [1])


def test_names_with_commas_brackets_and_numbers():
    odd = files("a,b.png a.png b.png c[1].png 7.png 0.3.png")
    for name, held_out in (
        ("a,b", [0]),
        ("b,a", [1, 2]),
        ("c[1]", [3]),
        ("7", [4]),
        ("7,a", [1, 4]),
    ):
        assert split.split(name, odd)[1] == held_out, name
    assert split.split("0.3", odd)[1] == [4, 5]  # a fraction, as always
    assert split.split("0.3.png", odd)[1] == [5]


def test_sequences_are_held_out_by_the_name_of_their_folder():
    frames = files("01/t000.tif 01/t001.tif 02/t000.tif", "/data")
    assert split.split("02", frames)[:2] == ([0, 1], [2])
    assert split.split("01/*", frames)[:2] == ([2], [0, 1])
    assert split.split("02/t000", frames)[:2] == ([0, 1], [2])
    assert split.split("t000", frames)[:2] == ([1], [0, 2])


def test_a_validation_folder_is_held_out(tmp_path):
    (tmp_path / "val" / "images").mkdir(parents=True)
    names = files("a.tif b.tif", tmp_path / "images") + files("c.tif", tmp_path / "val" / "images")
    assert split.split(str(tmp_path / "val"), names)[:2] == ([0, 1], [2])
    with pytest.raises(InputError, match="leaves no slice for training, of 3 in all"):
        split.split(str(tmp_path), names)
    with pytest.raises(InputError, match="valid values are"):  # such as synthetic data
        split.split(str(tmp_path / "val"), stack(4))


def test_an_existing_folder_wins_over_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "img1").mkdir()
    names = [*files("img1.png img2.png"), tmp_path / "img1" / "a.png"]
    assert split.split("img1", names)[1] == [2]
    assert split.is_folder("img1")
    assert not any(split.is_folder(other) for other in ("img2", "", "0.2", "none"))


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        ("img4", "validation is img4; no image file is named img4; valid values are FIRST:END"),
        ("img1,imq10", "validation is img1,imq10; no image file is named imq10; valid"),
        ("img4.png", "such as img"),
        ("imq10", "or names of image files, such as img10"),
        ("all", "or names of image files, such as img1, img2, img3"),
        ("x*", "no image file is named x*"),
        ("img1,", "validation is img1,;"),
        ("", "validation is ;"),
    ],
)
def test_names_that_no_file_has_are_refused_with_the_nearest(validation, message):
    with pytest.raises(InputError) as refused:
        split.split(validation, IMAGES)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("held_out", "files", "said"),
    [
        ([], stack(1), "1 slice for training, none held out: scores are for the training data"),
        ([3, 4], stack(5), "5 slices: 3 for training, 2 held out for validation (3 … 4)"),
        ([4], stack(5), "5 slices: 4 for training, 1 held out for validation (4)"),
        ([2, 3, 4], IMAGES, "7 slices: 4 for training, 3 held out for validation (img3, img10)"),
        (
            range(1, 8),
            files("a b1 b2 b3 b4 b5 b6 b10"),
            "8 slices: 1 for training, 7 held out for validation (7 files: b1 … b10)",
        ),
        (
            [1, 2],
            files("train/images/a.tif val/images/b.tif val/images/c.tif"),
            "3 slices: 1 for training, 2 held out for validation (val/images/b, val/images/c)",
        ),
        (
            [1],
            files("01/t000.tif 02/t000.tif"),
            "2 slices: 1 for training, 1 held out for validation (02/t000)",
        ),
    ],
)
def test_what_is_held_out_in_words(held_out, files, said):
    assert split.describe(held_out, files) == said


def test_the_only_folder_of_all_files_is_no_name_to_hold_out():
    with pytest.raises(InputError, match="no image file is named images"):
        split.split("images", files("a.tif b.tif"))


@pytest.mark.parametrize(
    ("validation", "test", "expected"),
    [
        ("19:24", "24:30", (range(19), range(19, 24), range(24, 30))),
        ("0.2", "24:30", (range(19), range(19, 24), range(24, 30))),  # a fifth of the 24 others
        ("0.2", "0:6", (range(6, 25), range(25, 30), range(6))),
        ("0.2", "0.2", (range(19), range(19, 24), range(24, 30))),
        ("24:30", "0.2", (range(19), range(24, 30), range(19, 24))),
        ("none", "0.2", (range(24), (), range(24, 30))),
        ("0:1", "none", (range(1, 30), range(1), ())),
        ("0:1", "0", (range(1, 30), range(1), ())),
    ],
)
def test_three_parts(validation, test, expected):
    assert split.split(validation, stack(30), test) == tuple(map(list, expected))


def test_files_and_folders_for_a_test(tmp_path):
    (tmp_path / "test" / "images").mkdir(parents=True)
    names = files("a.tif b.tif", tmp_path / "images") + files("c.tif", tmp_path / "test" / "images")
    assert split.split("b", names, str(tmp_path / "test")) == ([0], [1], [2])
    assert split.split("img1", IMAGES, "spec2_*") == ([1, 2, 3, 4], [0], [5, 6])


@pytest.mark.parametrize(
    ("validation", "test", "count", "message"),
    [
        (
            "1:4",
            "3:5",
            9,
            "validation 1:4 and test 3:5 share 1 slice (3); pass values without common slices to "
            "--validation and --test",
        ),
        ("2:5", "2:5", 9, "validation 2:5 and test 2:5 share 3 slices (2 … 4); pass values"),
        (
            "0:3",
            "3:5",
            5,
            "validation 0:3 and test 3:5 leave no slice for training, of 5 in all; hold out fewer",
        ),
        ("none", "0:5", 5, "test 0:5 leaves no slice for training, of 5 in all; hold out fewer"),
        (
            "none",
            "0.5",
            1,
            "test 0.5 is empty, because there is only 1 slice to divide; add images",
        ),
        (
            "0.2",
            "1:5",
            5,
            "validation 0.2 is empty, because test 1:5 leaves only one slice; test on fewer "
            "slices, or pass --validation none",
        ),
        ("0.2", "5:9", 7, "test is 5:9; valid values are FIRST:END within 0:7, a fraction"),
        ("0.2", "x", 7, "test is x; valid values are"),
    ],
)
def test_parts_must_be_disjoint_and_not_empty(validation, test, count, message):
    with pytest.raises(InputError) as refused:
        split.split(validation, stack(count), test)
    assert str(refused.value).startswith(message)


def test_every_part_is_named():
    assert split.describe([3], stack(6), [4, 5]) == (
        "6 slices: 3 for training, 1 held out for validation (3), 2 for the final test (4 … 5)"
    )
    assert split.describe([], IMAGES, [5, 6]) == (
        "7 slices: 5 for training, none held out for validation, 2 for the final test (spec2_a, "
        "spec2_b)"
    )
