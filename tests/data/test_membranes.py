"""Class 1 that looks like membranes is recognized, in real data and in drawings."""

import numpy as np
import pytest
from real_data import folder

from minunet.data import image_files, membranes, synthetic
from minunet.data.membranes import Net, looks_inverted, net_of
from minunet.errors import InputError


def masks(path, threshold=1):
    """Read a stack or a folder of masks as classes 0 and 1."""
    return [(one[..., 0] >= threshold).astype(np.uint8) for one in image_files.read(path)]


def inverted(labels):
    return [1 - one for one in labels]


def quarters(labels):
    """Return two corners of every slice, with half its height and width."""
    half = [n // 2 for n in labels[0].shape]
    return [one[: half[0], : half[1]] for one in labels] + [
        one[-half[0] :, -half[1] :] for one in labels
    ]


def test_membranes_by_hand():
    # A cross of 9 pixels in 25, cells of 4 pixels each; a speck of 1 pixel is another piece.
    map_ = np.zeros((5, 5), np.uint8)
    map_[2], map_[:, 2] = 1, 1
    assert net_of([map_]) == Net(9 / 25, 1.0, 0.25)
    assert looks_inverted([map_])
    assert not looks_inverted([1 - map_])
    map_[0, 0] = 1
    assert net_of([map_]) == pytest.approx(Net(10 / 25, 9 / 10, 4 / 15))


def test_class_1_is_connected_at_corners_and_class_0_is_not():
    diagonal = np.eye(6, dtype=np.uint8)  # cuts the rest in two
    assert net_of([diagonal]) == pytest.approx(Net(1 / 6, 1.0, 0.5))
    assert net_of([1 - diagonal]) == pytest.approx(Net(5 / 6, 1.0, 1 / 6))


def test_slices_of_one_class_do_not_count():
    cross = np.zeros((5, 5), np.uint8)
    cross[2], cross[:, 2] = 1, 1
    empty = np.zeros_like(cross)
    assert net_of([empty, cross, 1 - empty]) == net_of([cross])
    assert not looks_inverted([empty])
    assert not looks_inverted([])


def test_the_synthetic_em():
    stack = synthetic.em_stack((4, 256, 256), np.random.default_rng(7))
    labels = [(one > 0).astype(np.uint8) for one in stack.labels]
    assert not looks_inverted(labels)
    assert looks_inverted(inverted(labels))


def test_isbi2012_is_not_inverted():
    labels = masks(folder("isbi2012") / "train-labels.tif")
    assert not looks_inverted(labels)
    assert looks_inverted(inverted(labels))
    share, net, largest = net_of(labels)
    assert share > 0.7 > membranes.SHARE + 0.2
    assert net < 0.2
    assert largest > 0.9


def test_vnc_membranes_are_inverted_and_mitochondria_are_not():
    at = folder("vnc-sstem")
    labels = masks(at / "membranes-00-15.tif")
    share, net, largest = net_of(labels)
    assert share < 0.25
    assert net > 0.95
    assert largest < 0.1
    assert looks_inverted(quarters(labels))
    assert not looks_inverted(inverted(labels))
    mitochondria = masks(at / "mitochondria-00-15.tif", 128)
    assert not looks_inverted(mitochondria)
    assert not looks_inverted(inverted(mitochondria))


def test_nuclei_and_cells_are_not_membranes():
    nuclei = masks(folder("nuclei-dsb2018") / "masks")
    cells = masks(folder("DIC-C2DH-HeLa") / "01_ST" / "SEG")
    for labels in (nuclei, inverted(nuclei), cells, inverted(cells)):
        assert not looks_inverted(labels)


@pytest.mark.parametrize("values", [[3], [0, 1, 2]])
def test_membranes_need_two_values(values):
    with pytest.raises(InputError, match=r"m\.tif has .* two.*--label-threshold V"):
        membranes.two_values(values, "m.tif")
    assert membranes.two_values([0, 200], "m.tif") == [200, 0]
