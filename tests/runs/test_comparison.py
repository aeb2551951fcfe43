"""Several runs are compared only if their seed is all that differs; their spread is by hand."""

import json
import shutil
from math import isnan, nan

import pytest
from finished_runs import write_run

from minunet.errors import InputError
from minunet.runs import comparison


def three(folder):
    """Write three runs: SEG 0.6, 0.7 and 0.8; 7, 6 and 8 cells merged."""
    return [
        write_run(folder / "a", 0, (0.5, 0.7), (3, 4)),
        write_run(folder / "b", 1, (0.6, 0.8), (3, 3)),
        write_run(folder / "c", 5, (0.5, 1.1), (2, 6)),
    ]


def refusal(*folders):
    with pytest.raises(InputError) as error:
        comparison.read(folders)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_mean_and_spreads_by_hand(tmp_path):
    seg, merged = comparison.rows(comparison.read(three(tmp_path)))
    assert seg.values == pytest.approx((0.6, 0.7, 0.8))
    assert seg.mean == pytest.approx(0.7)
    assert seg.spread == pytest.approx(0.1)  # √((0.01 + 0 + 0.01) / 2)
    # Over the slices of each run: 0.1·√2, 0.1·√2, 0.3·√2. √((0.02 + 0.02 + 0.18) / 3).
    assert seg.over_slices == pytest.approx((0.22 / 3) ** 0.5)
    assert merged.values == (7, 6, 8)
    assert merged.mean == 7
    assert merged.spread == 1


def test_the_table(tmp_path):
    lines = comparison.table(comparison.read(three(tmp_path)))
    assert [" ".join(line.split()) for line in lines[:3]] == [
        "score seed 0 seed 1 seed 5 mean ± over runs ± over slices",
        "SEG 0.60 0.70 0.80 0.70 ± 0.10 0.27",
        "cells merged 7.0 6.0 8.0 7.0 ± 1.0",
    ]
    assert max(map(len, lines)) <= 100
    assert len({line.index(".") for line in lines[1:3]}) == 1
    assert "over the 3 runs" in " ".join(lines[3:])


def test_the_comparison_as_json(tmp_path):
    folders = three(tmp_path)
    contents = json.loads(json.dumps(comparison.to_json(comparison.read(folders)), allow_nan=False))
    assert contents["runs"] == list(map(str, folders))
    assert contents["seeds"] == [0, 1, 5]
    assert contents["slices"] == ["7", "8"]
    assert list(contents["scores"]) == ["seg", "cells_merged"]
    seg = contents["scores"]["seg"]
    assert seg["values"] == pytest.approx([0.6, 0.7, 0.8])
    assert (seg["name"], seg["higher_is_better"]) == ("SEG", True)
    found = (seg["mean"], seg["spread_over_runs"], seg["spread_over_slices"])
    assert found == pytest.approx((0.7, 0.1, (0.22 / 3) ** 0.5))


def test_a_score_without_a_value_in_one_run_has_no_mean(tmp_path):
    runs = [write_run(tmp_path / "a", 0), write_run(tmp_path / "b", 1, (nan, nan))]
    found = comparison.read(runs)
    seg, _ = comparison.rows(found)
    assert isnan(seg.mean)
    assert (seg.spread, seg.over_slices) == (None, None)
    assert comparison.table(found)[1].split() == ["SEG", "0.6000", "–", "–", "–"]
    contents = comparison.to_json(found)["scores"]["seg"]
    assert (contents["values"][1], contents["mean"]) == (None, None)


def test_two_of_three_values_have_no_spread_either(tmp_path):
    a, b, c = three(tmp_path)
    contents = json.loads((c / "scores.json").read_text())
    contents["seg"]["value"] = None
    (c / "scores.json").write_text(json.dumps(contents))
    row = comparison.rows(comparison.read([a, b, c]))[0].to_json()
    assert (row["mean"], row["spread_over_runs"]) == (None, None)
    assert row["values"] == [0.6, 0.7, None]


def test_runs_are_told_from_a_prediction_and_its_truth(tmp_path):
    a, b, c = three(tmp_path)
    plain = tmp_path / "plain"
    plain.mkdir()
    assert comparison.are_runs([a, b])
    assert comparison.are_runs([a, b, c])
    assert comparison.are_runs([plain, a, b])  # three are never a prediction and its truth
    assert not comparison.are_runs([plain, plain])
    assert not comparison.are_runs([a, plain])
    assert not comparison.are_runs([plain, a])
    # settings.json alone may be that of a microscope; beside a run, it is a run that just began.
    (plain / "settings.json").write_text("{}")
    assert not comparison.are_runs([plain, plain])
    assert comparison.are_runs([a, plain])
    (plain / "settings.json").rename(plain / "last.npz")
    assert not comparison.are_runs([a, plain])


def test_the_same_run_twice_is_refused(tmp_path):
    a, b, _ = three(tmp_path)
    assert refusal(a, b, tmp_path / "b" / ".." / "a").endswith(
        "is given twice; pass every run once"
    )
    copy = shutil.copytree(a, tmp_path / "copy")
    assert refusal(b, a, copy) == (
        f"{a} and {copy} are the same run: both have seed 0; pass runs with different seeds"
    )


def test_different_data_are_refused_wherever_they_are(tmp_path):
    here, there = ({"images": f"/{x}/x.tif", "validation": f"/{x}/val"} for x in ("here", "there"))
    a, moved = write_run(tmp_path / "a", 0, **here), write_run(tmp_path / "b", 1, **there)
    other = write_run(tmp_path / "c", 2, images="/here/x.tif", fingerprint="other")
    assert len(comparison.read([a, moved])) == 2
    assert refusal(a, moved, other) == (
        f"{a} and {other} were trained on different data; pass runs on the same data"
    )


def test_different_settings_are_refused_and_named(tmp_path):
    a = write_run(tmp_path / "a", 0)
    b = write_run(tmp_path / "b", 1, learning_rate=0.5, weight_map="balance", ignore=255.0)
    assert refusal(a, b) == (
        f"{a} and {b} differ in --ignore (none and 255.0), --weight-map (paper and balance), "
        "--learning-rate (0.2 and 0.5); pass runs that differ only in --seed"
    )


def test_runs_of_earlier_versions_do_not_say_what_was_scored(tmp_path):
    folders = three(tmp_path)
    for folder in folders:
        contents = json.loads((folder / "scores.json").read_text())
        del contents["scored"], contents["optimistic"]
        (folder / "scores.json").write_text(json.dumps(contents))
    assert {run.scored for run in comparison.read(folders)} == {""}


def test_unfinished_runs_are_refused_with_the_command_that_finishes_them(tmp_path):
    a = write_run(tmp_path / "a", 0)
    b = write_run(tmp_path / "my run", 1, done=4)
    finish = f"finish it with python -m minunet.train --resume '{b}'"
    assert refusal(a, b) == f"{b} is not finished: it has done 4 of 6 steps; {finish}"
    c = write_run(tmp_path / "c", 2)
    (c / "scores.json").unlink()
    assert "has done 6 of 6 steps, but has no scores; finish it with" in refusal(a, c)
    contents = json.loads((a / "scores.json").read_text())
    contents["scored"]["step"] = 4  # of 4 steps, before the run was resumed up to 6
    (c / "scores.json").write_text(json.dumps(contents))
    assert "c is not finished: last.npz is newer than its scores; finish it with" in refusal(a, c)
    (c / "last.npz").unlink()
    assert "it has done 0 of 6 steps; finish it with" in refusal(a, c)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[("scores.json", text) for text in ("", "[]", "7", "{}", '{"seg": {"value": 1}}')],
        ("scores.json", '{"slice_names": 3}'),
        ("settings.json", ("seed", "x")),
        ("settings.json", ("steps", None)),
        *[("scores.json", ("value", one)) for one in ("0.9", True, [0.5], 10**400, 1e400)],
        *[("scores.json", ("slices", one)) for one in ("ab", [[0.5], 1], 3, {"a": 1}, [0.5])],
        *[("scores.json", (key, None)) for key in ("slices", "name", "convention")],
        *[("settings.json", text) for text in ("{", "[]", "null", '{"steps": 3}', '{"x": 1}')],
    ],
)
def test_damaged_files_are_refused(tmp_path, name, text):
    a, b, _ = three(tmp_path)
    if isinstance(text, tuple):  # the new value of a key
        contents = json.loads((b / name).read_text())
        (contents if name == "settings.json" else contents["seg"])[text[0]] = text[1]
        text = json.dumps(contents)
    (b / name).write_text(text)
    assert refusal(a, b).startswith(f"{b / name} is damaged, or another version of minunet wrote")


def test_what_is_not_a_run_is_refused(tmp_path):
    a, b, _ = three(tmp_path)
    assert refusal(a, b, tmp_path) == (
        f"{tmp_path} is not the folder of a run: it has no settings.json; pass the folders of "
        "finished runs, or one prediction and its truth"
    )
    assert "none is not the folder of a run" in refusal(a, b, tmp_path / "none")


def test_other_test_data_are_refused(tmp_path):
    a, b, c = three(tmp_path)
    for folder, digest in ((a, "1"), (b, "1"), (c, "2")):
        contents = json.loads((folder / "scores.json").read_text())
        contents["scored"]["fingerprint"] = digest
        (folder / "scores.json").write_text(json.dumps(contents))
    comparison.read([a, b])
    assert refusal(a, b, c) == (
        f"{a} and {c} were scored on different data; pass runs on the same data"
    )


def test_other_scores_or_slices_are_refused(tmp_path):
    a, b, c = three(tmp_path)
    contents = json.loads((b / "scores.json").read_text())
    (b / "scores.json").write_text(json.dumps(contents | {"slice_names": ["7", "9"]}))
    assert "were scored on different slices" in refusal(a, b)
    contents = json.loads((b / "scores.json").read_text()) | {"slice_names": ["7", "8"]}
    contents["scored"]["part"] = "validation"
    (b / "scores.json").write_text(json.dumps(contents))
    assert "were scored on different slices" in refusal(a, b)
    contents = json.loads((c / "scores.json").read_text())
    del contents["seg"]
    (c / "scores.json").write_text(json.dumps(contents))
    assert "were scored on different slices" in refusal(a, c)
