"""`python -m minunet.evaluate` prints, writes and draws scores, and refuses unsuitable files."""

import json
from math import isnan

import numpy as np
import pytest
import tifffile
from commands import call, finish, largest_file, refused, start
from finished_runs import write_run
from PIL import Image
from scipy import ndimage

from minunet import __version__, evaluate
from minunet.data import ctc
from minunet.data.annotation import Meaning
from minunet.metrics import cells, classes, em
from minunet.report import score_pictures


def draw_stack(slices=3, shape=(20, 31), seed=0):
    """Make masks of cells (0 and 1), and probabilities that get worse from slice to slice."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=(slices, *shape)), (0, 2, 2))
    truth = (np.abs(noise) > np.quantile(np.abs(noise), 0.3)).astype(np.uint8)
    errors = rng.random((slices, *shape)) * np.linspace(0.85, 1, slices)[:, np.newaxis, np.newaxis]
    return truth, (0.3 * truth + 0.45 * errors).astype(np.float32)


def write(path, stack):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, stack, photometric="minisblack")
    return path


def numbered(truth):
    return [ndimage.label(one)[0] for one in truth]


def draw_classes(slices=3, shape=(20, 31)):
    """Draw bands of three classes, and an answer in which more pixels are wrong in each slice."""
    rows = np.arange(shape[0])[:, np.newaxis] * np.ones(shape[1], int) // 3 % 4
    truth = np.array(slices * [np.minimum(rows, 2)], np.uint8)
    predicted = truth.copy()
    for k in range(slices):
        predicted[k, :, : 2 * k + 1] = (truth[k, :, : 2 * k + 1] + 1) % 3
    return truth, predicted


def write_classes(folder, truth, predicted, values=(0, 1, 2)):
    """Write results as predict does for three classes; return their folder and the truth."""
    values = np.array(values, np.uint8)
    p = np.moveaxis(np.eye(3, dtype=np.float32)[predicted], -1, 1)
    out = folder / "out"
    out.mkdir(parents=True)
    for path, pixels, axes in (
        (out / "probability.tif", p, "ZCYX"),
        (out / "labels.tif", values[predicted], "ZYX"),
        (folder / "truth.tif", values[truth], "ZYX"),
    ):
        tifffile.imwrite(path, pixels, imagej=True, metadata={"axes": axes})
    return out, folder / "truth.tif"


def run(*arguments):
    result = call("evaluate", *arguments)
    assert result.code == 0, result.err
    return result.out


def as_json(scores):
    return json.loads(json.dumps({one.key: one.to_json() for one in scores}, allow_nan=False))


@pytest.fixture
def out(tmp_path):
    """Make a folder like those of predict; its truth is truth.tif in the parent folder."""
    truth, p = draw_stack()
    write(tmp_path / "truth.tif", 255 * truth)
    write(tmp_path / "out" / "probability.tif", p)
    write(tmp_path / "out" / "labels.tif", (p > 0.5).astype(np.uint8))
    return tmp_path / "out"


def test_probabilities(out):
    truth, p = draw_stack()
    printed = run(out, out.parent / "truth.tif")
    scores = em.scores(numbered(truth), p)
    written = json.loads((out / "scores.json").read_text())
    assert written == {
        "minunet": __version__,
        "prediction": str(out / "probability.tif"),
        "truth": str(out.parent / "truth.tif"),
        "kind": "probability",
        "thresholds": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
        "slices": ["0", "1", "2"],
        "scores": as_json(scores),
    }
    assert f"{out / 'probability.tif'}: probability of cell, 3 slices of 20 x 31 pixels" in printed
    assert f"truth.tif: {sum(one.max() for one in numbered(truth))} cells" in printed
    for score in scores:
        (line,) = (line for line in printed.splitlines() if line.startswith(f"{score.name}  "))
        value, plus_minus, spread, at = line[31:].split()[:4]
        assert plus_minus == "±"
        assert float(value) == pytest.approx(score.value, abs=score.spread / 10)
        assert float(spread) == pytest.approx(np.std(score.slices, ddof=1), rel=0.05)
        assert float(at) == score.threshold
    words = " ".join(printed.split())
    assert "F = 2 AB / (A + B), mean over slices. A, B and AB are sums of squared sizes" in words
    assert printed.endswith(f"wrote       {out / 'scores.json'}\n")
    assert {path.name for path in out.iterdir()} == {
        *("probability.tif", "labels.tif", "scores.json")
    }


def test_printed_scores_of_every_slice(out):
    plain = run(out, out.parent / "truth.tif", "--scores", out / "1.json")
    more = run(out, out.parent / "truth.tif", "--scores", out / "2.json", "--slices")
    added = [line for line in more.splitlines() if line not in plain.splitlines()]
    scores = json.loads((out / "2.json").read_text())["scores"]
    rows = [line.split() for line in added if line[:1] in ("0", "1", "2")]
    assert [row[0] for row in rows] == ["0", "1", "2"]
    for k, row in enumerate(rows):
        values = [score["slices"][k] for score in scores.values()]
        np.testing.assert_allclose([float(x) for x in row[1:]], values, atol=5e-5)


def test_numbered_cells(tmp_path):
    truth, p = (numbered(one) for one in draw_stack(2))
    p = [np.where(one > 4, 0, one) for one in truth]
    truth[1][:] = 0  # a slice without a cell
    prediction = write(tmp_path / "labels.tif", np.array(p, np.uint16))
    written = write(tmp_path / "t.tif", np.array(truth, np.uint16))
    printed = run(prediction, written, "--slices", "--labels-are", "cells")
    scores = cells.scores(truth, p)
    written = json.loads((tmp_path / "scores.json").read_text())
    assert written["kind"] == "cells"
    assert written["thresholds"] == []
    assert written["scores"] == as_json(scores)
    assert isnan(scores[0].slices[1])
    assert written["scores"]["seg"]["slices"][1] is None
    assert "numbered cells, 2 slices" in printed
    assert f"cells in the truth {truth[0].max()} " in " ".join(printed.split())


def test_classes(tmp_path):
    truth, predicted = draw_classes()
    out, path = write_classes(tmp_path, truth, predicted, (0, 100, 200))
    printed = run(out, path, "--slices", "-o", tmp_path / "picture.png")
    assert f"{out / 'labels.tif'}: 3 classes, 3 slices of 20 x 31 pixels\n" in printed
    assert f"{path}: 3 classes (0, 100, 200)\n" in printed
    names = ["0", "100", "200"]
    scores = classes.scores(truth, predicted, 3, names=names)
    written = json.loads((out / "scores.json").read_text())
    assert (written["kind"], written["classes"]) == ("classes", names)
    assert written["scores"] == as_json(scores)
    # Columns of 1, 3 and 5 of 31 pixels are wrong, each by one class.
    rows = [np.count_nonzero(truth[0][:, 0] == k) for k in range(3)]
    right, wrong = 93 - 9, 9
    matrix = [
        [n * right * (j == k) + n * wrong * (j == (k + 1) % 3) for j in range(3)]
        for k, n in enumerate(rows)
    ]
    assert written["confusion"] == matrix
    lines = [line.split() for line in printed.splitlines()]
    for k, name in enumerate(names):
        row = [f"{100 * n / sum(matrix[k]):.2f}" for n in matrix[k]]
        assert [name, *row, str(sum(matrix[k]))] in lines
    assert "Dice of class 100" in printed
    assert ["IoU", "of", "class", "200"] in [line[:4] for line in lines]
    with Image.open(tmp_path / "picture.png") as image:
        assert image.format == "PNG"


def test_pixels_that_are_not_annotated_count_nowhere(tmp_path):
    truth, p = draw_stack()
    masks = 254 * truth
    masks[:, :7] = 255
    write(tmp_path / "t.tif", masks)
    write(tmp_path / "p.tif", p)
    printed = run(tmp_path / "p.tif", tmp_path / "t.tif", "--ignore", "255")
    assert "annotated   65.00% of the pixels; the others count in no score\n" in printed
    written = json.loads((tmp_path / "scores.json").read_text())
    assert written["scores"] == as_json(em.scores(numbered(truth[:, 7:]), p[:, 7:]))


def test_a_mask_with_soft_edges(tmp_path):
    y, x = np.mgrid[:40, :50]
    coverage = np.clip(12.5 - np.hypot(y - 20.3, x - 24.6), 0, 1).astype(np.float32)
    write(tmp_path / "p.tif", coverage)
    Image.fromarray(np.rint(255 * coverage).astype(np.uint8)).save(tmp_path / "t.png")
    paths = tmp_path / "p.tif", tmp_path / "t.png"
    assert "pass --label-threshold 128" in refuse(tmp_path, *paths)
    printed = run(*paths, "--label-threshold", "128")
    assert "t.png: 1 cells\n" in printed
    assert "V_Rand, thinned 1.0000" in " ".join(printed.split())


def test_8_bit_probabilities_are_read_as_such_and_the_output_says_so(tmp_path):
    truth, p = draw_stack()
    grey = np.rint(255 * p).astype(np.uint8)
    grey[0, 0, 0] = 255
    write(tmp_path / "t.tif", truth)
    printed = run(write(tmp_path / "p.tif", grey), tmp_path / "t.tif")
    assert f"{tmp_path / 'p.tif'}: probability of cell (value / 255), 3 slices" in printed
    written = json.loads((tmp_path / "scores.json").read_text())
    assert written["kind"] == "probability"
    assert written["scores"] == as_json(em.scores(numbered(truth), grey / 255))


def test_slices_have_the_names_of_their_files(tmp_path):
    truth, p = draw_stack()
    for name, one in zip(("img1", "img2", "img10"), truth, strict=True):
        write(tmp_path / "t" / f"{name}.tif", one)
    printed = run(write(tmp_path / "p.tif", p), tmp_path / "t", "--slices")
    names = json.loads((tmp_path / "scores.json").read_text())["slices"]
    assert names == ["img1", "img2", "img10"]
    assert [line.split()[0] for line in printed.splitlines() if line.startswith("img")] == names


def test_images_of_several_sizes(tmp_path):
    shapes = [(20, 31), (17, 40)]
    for k, shape in enumerate(shapes):
        (truth,), (p,) = draw_stack(1, shape, seed=k)
        write(tmp_path / "p" / f"{k}.tif", p)
        write(tmp_path / "cells" / f"{k}.tif", (numbered([p > 0.6])[0] + 0).astype(np.uint16))
        (tmp_path / "t").mkdir(exist_ok=True)
        Image.fromarray(255 * truth).save(tmp_path / "t" / f"{k}.png")
    for kind in ("p", "cells"):
        picture = tmp_path / f"{kind}.png"
        scores = tmp_path / f"{kind}.json"
        as_cells = ("--prediction-is", "cells") if kind == "cells" else ()
        printed = run(tmp_path / kind, tmp_path / "t", "--scores", scores, "-o", picture, *as_cells)
        assert "2 slices of different sizes" in printed
        assert json.loads(scores.read_text())["slices"] == ["0", "1"]
        with Image.open(picture) as image:
            assert image.format == "PNG"


def test_frames_of_the_cell_tracking_challenge(tmp_path):
    truth = [one.astype(np.uint16) for one in numbered(draw_stack(4)[0])]
    ctc.write(tmp_path, "01", truth, ["000", "001", "002", "003"])
    for k in (1, 3):
        write(tmp_path / "01_GT" / "SEG" / f"man_seg00{k}.tif", truth[k])
    printed = run(tmp_path / "01_RES", tmp_path / "01_GT" / "SEG")
    assert "SEG 1 ± 0 " in " ".join(printed.split())
    written = json.loads((tmp_path / "scores.json").read_text())
    assert written["slices"] == ["001", "003"]
    assert not list((tmp_path / "01_RES").glob("*.json"))


@pytest.mark.parametrize("kind", ["probability", "cells"])
@pytest.mark.parametrize("slices", [1, 3])
def test_the_picture_shows_the_best_and_the_worst_slice(tmp_path, monkeypatch, kind, slices):
    order = [1, 0, 2][:slices] if slices > 1 else [0]
    truth, p = (stack[order] for stack in draw_stack(slices))
    prediction = p if kind == "probability" else np.array(numbered(p > 0.35), np.uint16)
    drawn, draw = [], score_pictures.draw
    monkeypatch.setattr(
        score_pictures, "draw", lambda *arguments: (drawn.append(arguments), draw(*arguments))[1]
    )
    write(tmp_path / "p.tif", prediction)
    write(tmp_path / "t.tif", truth)
    option = ("--prediction-is", kind)
    printed = run(tmp_path / "p.tif", tmp_path / "t.tif", "-o", tmp_path / "picture.png", *option)
    assert printed.endswith(f"            {tmp_path / 'picture.png'}\n")
    with Image.open(tmp_path / "picture.png") as image:
        assert image.format == "PNG"
    ((rows, titles),) = drawn
    scores = json.loads((tmp_path / "scores.json").read_text())["scores"]
    by = scores["v_rand" if kind == "probability" else "seg"]
    assert len(set(by["slices"])) == slices
    shown = [np.argmax(by["slices"]), np.argmin(by["slices"])][: min(slices, 2)]
    name = "V_Rand" if kind == "probability" else "SEG"
    assert titles == [f"slice {k}: {name} {by['slices'][k]:.3f}" for k in shown]
    for k, panels in zip(shown, rows, strict=True):
        if kind == "probability":
            np.testing.assert_array_equal(panels[1].pixels, p[k])
            assert panels[2].title == f"splits and mergers at threshold {by['threshold']:g}"
        cell = panels[0].pixels.any(axis=-1)
        np.testing.assert_array_equal(cell, truth[k] > 0)


def test_slices_without_a_cell_are_not_drawn(tmp_path):
    truth = np.zeros((3, 6, 7), np.uint16)
    truth[1, 2:4, 2:4], truth[1, 0, :] = 3, 2
    path = write(tmp_path / "t.tif", truth)
    pair = evaluate.predictions.read(path, path, Meaning("cells"))
    figure = evaluate.picture(pair, cells.scores(pair.truth, pair.prediction))
    assert [ax.get_ylabel() for ax in figure.axes if ax.get_title() == "truth"] == [
        "slice 1: SEG 1.000"
    ]


def test_from_a_shell(tmp_path):
    truth, p = draw_stack(1)
    write(tmp_path / "p.tif", p)
    write(tmp_path / "t.tif", truth)
    result = finish(start("evaluate", tmp_path / "p.tif", tmp_path / "t.tif"))
    assert result.code == 0
    assert result.err == ""  # without a terminal there is no bar, and in 10 seconds no line
    assert result.out.count("V_Rand, thinned") == 1


# Refusals


def refuse(folder, *arguments):
    """Return the message of a refusal, after checking that nothing was written."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    message = refused(call("evaluate", *arguments))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    return message.removeprefix("python -m minunet.evaluate: ")


def test_nothing_is_overwritten(out):
    truth = out.parent / "truth.tif"
    (out / "scores.json").write_text("mine")
    message = refuse(out, out, truth)
    assert message == f"{out / 'scores.json'} already exists; pass another file with --scores"
    other = ("--scores", out / "other.json")
    message = refuse(out, out, truth, *other, "-o", truth)
    assert message == f"{truth} already exists; pass another file with -o"
    nowhere = out / "none" / "file"
    assert f"{nowhere.parent} is not a folder" in refuse(out, out, truth, "--scores", nowhere)
    assert f"{nowhere.parent} is not a folder" in refuse(out, out, truth, *other, "-o", nowhere)
    assert (out / "scores.json").read_text() == "mine"


def test_unsuitable_files_are_refused(out):
    truth = out.parent / "truth.tif"
    assert "does not exist" in refuse(out, out / "none.tif", truth)
    assert "does not exist" in refuse(out, out, out / "none.tif")
    write(out / "two.tif", draw_stack(2)[1])
    assert "holds 2 slices, but" in refuse(out, out / "two.tif", truth)
    write(out / "small.tif", draw_stack(3, (19, 31))[1])
    assert "slice 0 of" in refuse(out, out / "small.tif", truth)
    write(out / "probability.tif", draw_stack()[1] * 3)
    assert "a probability must be from 0 to 1" in refuse(out, out, truth)
    write_classes(out.parent / "classes", *draw_classes())
    classes_ = out.parent / "classes" / "out"
    message = refuse(classes_, classes_ / "probability.tif", out.parent / "classes" / "truth.tif")
    assert "pass the labels.tif of that prediction" in message
    assert "save both with the same values" in refuse(classes_, classes_, truth)
    assert "--help" in refuse(out, out)
    assert "--help" in refuse(out, out, truth, "--threshold", "0.5")


# Several runs


def test_runs_are_compared(tmp_path):
    folders = [
        write_run(tmp_path / "a", 0, (0.5, 0.7)),
        write_run(tmp_path / "b", 1, (0.6, 0.8)),
        write_run(tmp_path / "c", 2, (0.7, 0.9)),
    ]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    printed = " ".join(run(*folders).split())
    assert f"run {folders[2]}: seed 2" in printed
    assert (
        "scored 2 slices (last.npz, test part); same data, and same settings except the seed"
        in printed
    )
    assert "SEG 0.60 0.70 0.80 0.70 ± 0.10 0.14" in printed
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    picture, scores = tmp_path / "p.png", tmp_path / "s.json"
    printed = run(*folders[:2], "-o", picture, "--scores", scores)
    assert printed.endswith(f"\nwrote       {scores}\n\nwrote       {picture}\n")
    written = json.loads(scores.read_text())
    assert written["minunet"] == __version__
    assert written["scores"]["seg"]["mean"] == pytest.approx(0.65)
    with Image.open(picture) as image:
        assert image.format == "PNG"
    assert "already exists; pass another file with -o" in refuse(tmp_path, *folders, "-o", picture)
    message = refuse(tmp_path, *folders, "--scores", scores)
    assert "already exists; pass another file with --scores" in message


@pytest.mark.parametrize(
    "option",
    [
        ("--slices",),
        ("--ignore", "255"),
        ("--label-threshold", "1"),
        ("--labels-are", "cells"),
        ("--prediction-is", "cells"),
    ],
)
def test_options_for_a_prediction_are_refused_with_runs(tmp_path, option):
    folders = [write_run(tmp_path / "a", 0), write_run(tmp_path / "b", 1)]
    message = refuse(tmp_path, *folders, *option)
    assert message == (
        f"{option[0]} is for a prediction and its truth, not for runs; leave it out (see --help)"
    )


def test_a_prediction_in_the_folder_of_a_run_is_still_scored(out):
    truth = out.parent / "truth.tif"
    write_run(out.parent / "run", 0)
    for name in ("settings.json", "last.npz"):
        (out.parent / "run" / name).rename(out / name)
    assert "V_Rand, thinned" in run(out, truth)


def write_pair(folder):
    """Write a prediction and its truth; return the words for `evaluate`."""
    truth, p = draw_stack()
    return write(folder / "out" / "probability.tif", p), write(folder / "truth.tif", truth)


@pytest.mark.parametrize("size", [0, 1000])
def test_a_full_disk_leaves_no_half_of_a_file(tmp_path, size):
    words = write_pair(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with largest_file(size):
        result = call("evaluate", *words, "-o", tmp_path / "a.png")
    assert result.code == 2
    assert f"{tmp_path / 'out' / 'scores.json'}" in result.err
    assert ".part" not in result.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["out/scores.json", "a.png"])
@pytest.mark.parametrize("link", [True, False])
def test_a_file_that_appears_meanwhile_is_kept(tmp_path, monkeypatch, name, link):
    words, compute, path = write_pair(tmp_path), evaluate.compute, tmp_path / name

    def slow(pair):
        path.symlink_to(tmp_path / "nowhere") if link else path.write_text("of another process")
        return compute(pair)

    monkeypatch.setattr(evaluate, "compute", slow)
    said = refused(call("evaluate", *words, "-o", tmp_path / "a.png"))
    assert f"{path} already exists: another program has just created it" in said
    assert path.is_symlink() if link else path.read_text() == "of another process"
    assert not (tmp_path / "nowhere").exists()


def test_results_are_not_written_through_links(tmp_path):
    words = write_pair(tmp_path)
    (tmp_path / "out" / "scores.json").symlink_to(tmp_path / "nowhere")
    assert "scores.json already exists" in refused(call("evaluate", *words))
    (tmp_path / "a.png").symlink_to(tmp_path / "nowhere")
    scores = ("--scores", tmp_path / "s.json")
    assert "a.png already exists" in refused(
        call("evaluate", *words, *scores, "-o", tmp_path / "a.png")
    )
    assert not (tmp_path / "nowhere").exists()
