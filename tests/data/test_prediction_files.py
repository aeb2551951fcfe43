"""The right file of a folder written by predict is chosen."""

import numpy as np
import pytest
import tifffile

from minunet.data import prediction_files
from minunet.errors import InputError


def write(path, shape, axes, dtype):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.zeros(shape, dtype), imagej=True, metadata={"axes": axes})


@pytest.fixture(params=["files", "folders"])
def out(request, tmp_path):
    """Return a function that writes results of a kind and returns their folder."""

    def make(kind):
        channels = ((3,), "C") if kind == "classes" else ((), "")
        for name, dtype, (more, axis) in (
            ("probability", np.float32, channels),
            ("labels", np.uint16 if kind == "cells" else np.uint8, ((), "")),
        ):
            if request.param == "files":
                write(tmp_path / f"{name}.tif", (2, *more, 6, 7), f"Z{axis}YX", dtype)
            else:
                for file, size in (("a", 6), ("b", 9)):
                    write(tmp_path / name / f"{file}.tif", (*more, size, 7), f"{axis}YX", dtype)
        return tmp_path

    make.suffix = ".tif" if request.param == "files" else ""
    return make


@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize(
    ("kind", "chosen", "known"),
    [
        ("probability", "probability", "auto"),
        ("cells", "labels", "cells"),
        ("classes", "labels", "classes"),
    ],
)
def test_the_labels_of_cells_and_classes_else_the_probability(out, kind, chosen, known, mask):
    folder = out(kind)
    if kind == "cells" and mask:  # of a mask, cells are not numbered
        chosen, known = "probability", "auto"
    found = prediction_files.choose(folder, "auto", mask)
    assert found == (folder / f"{chosen}{out.suffix}", known)


@pytest.mark.parametrize("wanted", ["probability", "cells", "classes"])
def test_an_option_chooses_the_file(out, wanted):
    folder = out("cells")
    name = "probability" if wanted == "probability" else "labels"
    found = prediction_files.choose(folder, wanted, mask=False)
    assert found == (folder / f"{name}{out.suffix}", wanted)


def test_labels_passed_directly_are_what_predict_wrote(out):
    for kind, known in (("classes", "classes"), ("cells", "cells"), ("probability", "auto")):
        labels = out(kind) / f"labels{out.suffix}"
        assert prediction_files.choose(labels, "auto", mask=True) == (labels, known)
        assert prediction_files.choose(labels, "cells", mask=True) == (labels, "cells")


def test_other_paths_stay_as_they_are(tmp_path):
    path = tmp_path / "mine.tif"
    write(path, (2, 6, 7), "ZYX", np.uint8)
    assert prediction_files.choose(path, "auto", mask=False) == (path, "auto")
    assert prediction_files.choose(tmp_path, "auto", mask=False) == (tmp_path, "auto")


def test_probabilities_of_several_classes_are_refused(out):
    folder = out("classes")
    for path, wanted in (
        (folder, "probability"),
        (folder / f"probability{out.suffix}", "auto"),
    ):
        with pytest.raises(InputError, match=r"pass the labels\.tif of that prediction"):
            prediction_files.choose(path, wanted, mask=False)
