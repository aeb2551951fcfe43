"""No file is lost in a crash, and existing files are refused with a suggestion."""

import os

import pytest

from minunet import files
from minunet.errors import InputError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# Whole files


def test_a_new_file_appears_only_when_complete(tmp_path):
    path = tmp_path / "scores.json"
    with files.atomic(path) as beside:
        beside.write_text("new")
        assert files.re.fullmatch(r"scores\.json\.[0-9a-f]{16}\.part", beside.name)
        assert not path.exists()
    assert path.read_text() == "new"
    assert names(tmp_path) == ["scores.json"]


def test_a_file_is_replaced_only_when_complete(tmp_path):
    path = tmp_path / "last.npz"
    path.write_text("old")
    with files.atomic(path) as beside:
        beside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["last.npz"]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
@pytest.mark.parametrize("old", ["old", None])
def test_an_exception_leaves_the_old_file_or_none(tmp_path, error, old):
    path = tmp_path / "last.npz"
    if old:
        path.write_text(old)
    with pytest.raises(error), files.atomic(path) as beside:
        beside.write_text("half of the n")
        raise error
    assert (path.read_text() if path.exists() else None) == old
    # The next attempt overwrites what this one left behind.
    with files.atomic(path) as beside:
        beside.write_text("new")
    assert path.read_text() == "new"
    assert names(tmp_path) == ["last.npz"]


def test_a_name_with_several_dots_is_kept(tmp_path):
    with files.atomic(tmp_path / "a.b.tif") as beside:
        beside.write_text("")
        assert beside.name.startswith("a.b.tif.")
        assert names(tmp_path) == [beside.name]
    assert names(tmp_path) == ["a.b.tif"]


def test_files_with_the_same_stem_have_different_part_files(tmp_path):
    with files.atomic(tmp_path / "run.tif") as one, files.atomic(tmp_path / "run.png") as other:
        one.write_text("tif")
        other.write_text("png")
    assert (tmp_path / "run.tif").read_text() == "tif"
    assert (tmp_path / "run.png").read_text() == "png"


def test_a_file_of_the_user_beside_it_is_kept(tmp_path):
    path = tmp_path / "last.npz"
    (tmp_path / "last.npz.part").write_text("mine")
    with files.atomic(path) as one, files.atomic(path) as other:
        assert len({one, other}) == 2
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"
    assert (tmp_path / "last.npz.part").read_text() == "mine"


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "precious").write_text("mine")
    for target in ("precious", "nowhere"):
        path = tmp_path / f"to-{target}"
        path.symlink_to(tmp_path / target)
        with files.atomic(path) as beside:
            beside.write_text("new")
        assert not path.is_symlink()
        assert path.read_text() == "new"
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_a_file_has_the_permissions_of_an_ordinary_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        with files.atomic(tmp_path / "a") as beside:
            beside.write_text("")
        (tmp_path / "b").write_text("")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_contents_are_on_the_disk_before_the_name(tmp_path, monkeypatch):
    path, done = tmp_path / "a", []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (done.append(path.exists()), fsync(file)))
    with files.atomic(path) as beside:
        beside.write_text("text")
    assert done == [False, True]  # the file, and the folder with its name


def test_a_long_name_has_a_short_temporary_name(tmp_path):
    path = tmp_path / ("é" * 120 + ".tif")
    with files.atomic(path) as beside:
        beside.write_text("text")
    assert names(tmp_path) == [path.name]


def test_an_error_names_the_file_and_not_the_temporary_one(tmp_path):
    for error in (OSError(28, "No space left on device"), None):
        folder = tmp_path if error else tmp_path / "missing"
        with pytest.raises(OSError) as raised, files.atomic(folder / "a.tif"):
            raise error
        assert raised.value.filename == str(folder / "a.tif")
    assert names(tmp_path) == []


# New files


def test_several_files_appear_together(tmp_path):
    paths = [tmp_path / name for name in "abc"]
    with files.new(*paths) as parts:
        for part in parts:
            part.write_text("text")
        assert not any(path.exists() for path in paths)
    assert names(tmp_path) == ["a", "b", "c"]


@pytest.mark.parametrize("make", [lambda p: p.write_text("mine"), lambda p: p.symlink_to("x")])
@pytest.mark.parametrize("taken", "abc")
def test_none_of_several_files_appears_if_one_exists(tmp_path, make, taken):
    with pytest.raises(InputError, match=f"{taken} already exists"):
        with files.new(*(tmp_path / name for name in "abc")):
            make(tmp_path / taken)
    assert names(tmp_path) == [taken]


@pytest.mark.parametrize("links", ["made", "refused", "unknown"])
def test_a_move_never_replaces_a_file(tmp_path, monkeypatch, links):
    def refuse(*_):
        raise OSError(1, "Operation not permitted")

    if links == "refused":
        monkeypatch.setattr(os, "link", refuse)
    if links == "unknown":
        monkeypatch.delattr(os, "link")
    (tmp_path / "a").write_text("new")
    (tmp_path / "b").write_text("mine")
    with pytest.raises(InputError, match="b already exists"):
        files.move(tmp_path / "a", tmp_path / "b")
    assert [(tmp_path / name).read_text() for name in "ab"] == ["new", "mine"]
    files.move(tmp_path / "a", tmp_path / "c")
    assert names(tmp_path) == ["b", "c"]
    assert (tmp_path / "c").read_text() == "new"


def test_a_move_that_was_interrupted_is_finished(tmp_path):
    (tmp_path / "a").write_text("new")
    os.link(tmp_path / "a", tmp_path / "b")
    files.move(tmp_path / "a", tmp_path / "b")
    assert names(tmp_path) == ["b"]


def test_only_temporary_files_are_removed(tmp_path):
    keep = ["a.part", "a.0123456789abcde.part", "a.0123456789abcdeX.part", "0123456789abcdef.part"]
    (tmp_path / "folder").mkdir()
    for name in (*keep, "a.npz.0123456789abcdef.part", "folder/b.0123456789abcdef.part"):
        (tmp_path / name).write_text("")
    files.remove_left_behind(tmp_path)
    assert names(tmp_path) == sorted([*keep, "folder"])
    assert names(tmp_path / "folder") == []
    files.remove_left_behind(tmp_path / "missing")


# Folders


def test_a_link_to_a_folder_is_resolved_and_others_are_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert files.resolved(tmp_path / "folder") == tmp_path / "folder"
    assert files.resolved(tmp_path / "missing") == tmp_path / "missing"
    assert files.resolved(tmp_path / "link") == tmp_path / "folder"
    said = refusal(files.resolved, tmp_path / "dangling")
    assert said.startswith(f"{tmp_path / 'dangling'} is a link to {tmp_path / 'nowhere'}, which")


def test_links_to_nothing_are_taken(tmp_path):
    (tmp_path / "link.tif").symlink_to("nowhere")
    assert files.is_taken(tmp_path / "link.tif")
    assert files.free_name(tmp_path / "link.tif") == tmp_path / "link.tif-2"
    assert "already exists" in refusal(files.check_new_file, tmp_path / "link.tif", "-o")
    for pattern in ("link.tif", "*.tif"):
        said = refusal(files.check_free_names, tmp_path, [pattern], "use -o")
        assert said == f"{tmp_path} already contains link.tif; use -o"


def test_a_link_is_not_a_folder_for_results(tmp_path):
    (tmp_path / "labels").symlink_to(tmp_path)
    said = refusal(files.check_free_names, tmp_path / "labels", ["a.tif"], "use -o")
    assert (
        said
        == f"{tmp_path / 'labels'} is a link to {tmp_path}, and minunet does not write through "
        "links; use -o"
    )


def test_files_and_nonempty_folders_are_taken(tmp_path):
    assert not files.is_taken(tmp_path / "missing")
    assert not files.is_taken(tmp_path)
    (tmp_path / "file").write_text("")
    assert files.is_taken(tmp_path)
    assert files.is_taken(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    assert not files.is_taken(tmp_path / "folder")
    (tmp_path / "folder" / ".hidden").write_text("")
    assert files.is_taken(tmp_path / "folder")


def test_free_names_are_numbered_from_2(tmp_path):
    assert files.free_name(tmp_path / "run") == tmp_path / "run"
    (tmp_path / "run").mkdir()
    assert files.free_name(tmp_path / "run") == tmp_path / "run-2"
    (tmp_path / "run-2").write_text("a file is in the way, too")
    (tmp_path / "run-4").mkdir()
    assert files.free_name(tmp_path / "run") == tmp_path / "run-3"
    assert names(tmp_path) == ["run", "run-2", "run-4"]  # no folder is made


def test_the_nearest_existing_folder_above_a_path(tmp_path, monkeypatch):
    assert files.nearest_folder(tmp_path) == tmp_path
    assert files.nearest_folder(tmp_path / "a" / "b" / "c") == tmp_path
    (tmp_path / "a").mkdir()
    assert files.nearest_folder(tmp_path / "a" / "b" / "c") == tmp_path / "a"
    monkeypatch.chdir(tmp_path)
    assert files.nearest_folder(files.Path("b/c")) == tmp_path


# Refusals


def refusal(check, *arguments):
    with pytest.raises(InputError) as error:
        check(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_file_that_exists_is_refused(tmp_path):
    path = tmp_path / "scores.json"
    files.check_new_file(path, "--json")
    assert not path.exists()
    path.write_text("")
    said = refusal(files.check_new_file, path, "--json")
    assert str(path) in said
    assert "already exists" in said
    assert "--json" in said


@pytest.mark.parametrize("make", [lambda parent: None, lambda parent: parent.write_text("")])
def test_a_file_in_a_missing_folder_is_refused(tmp_path, make):
    make(tmp_path / "folder")
    said = refusal(files.check_new_file, tmp_path / "folder" / "scores.json", "--json")
    assert f"{tmp_path / 'folder'} is not a folder" in said
    assert "--json" in said


def test_a_folder_that_is_not_empty_is_refused(tmp_path):
    files.check_new_folder(tmp_path, "use --out")
    files.check_new_folder(tmp_path / "missing", "use --out")
    assert names(tmp_path) == []
    (tmp_path / "log.csv").write_text("")
    said = refusal(files.check_new_folder, tmp_path, "use --out")
    assert str(tmp_path) in said
    assert said.endswith("; use --out")
    refusal(files.check_new_folder, tmp_path / "log.csv", "use --out")


def test_only_files_that_would_be_overwritten_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    files.check_free_names(tmp_path, ["labels.tif", "p*.tif"], "use --out")
    files.check_free_names(tmp_path / "a" / "missing", ["labels.tif"], "use --out")
    assert names(tmp_path) == ["notes.txt"]
    (tmp_path / "labels.tif").write_text("")
    said = refusal(files.check_free_names, tmp_path, ["labels.tif", "p*.tif"], "use --out")
    assert said == f"{tmp_path} already contains labels.tif; use --out"


@pytest.mark.parametrize(
    ("count", "listed"),
    [
        (2, "p0.tif, p1.tif;"),
        (3, "p0.tif, p1.tif, p2.tif;"),
        (4, "p0.tif, p1.tif, p2.tif and 1 more;"),
        (6, "p0.tif, p1.tif, p2.tif and 3 more;"),
    ],
)
def test_at_most_three_existing_files_are_listed(tmp_path, count, listed):
    for k in reversed(range(count)):
        (tmp_path / f"p{k}.tif").write_text("")
    said = refusal(files.check_free_names, tmp_path, ["p*.tif"], "use --out")
    assert f"already contains {listed}" in said


@pytest.mark.parametrize("below", ["", "a", "a/b"])
def test_a_folder_that_is_or_lies_below_a_file_is_refused(tmp_path, below):
    (tmp_path / "file").write_text("")
    said = refusal(files.check_free_names, tmp_path / "file" / below, ["x.tif"], "use --out")
    assert said == f"{tmp_path / 'file'} is a file, not a folder; use --out"


def test_a_folder_with_the_name_of_a_new_file_is_refused(tmp_path):
    (tmp_path / "scores.json").mkdir()
    said = refusal(files.check_new_file, tmp_path / "scores.json", "--json")
    assert said == f"{tmp_path / 'scores.json'} already exists; pass another file with --json"


def test_the_digest_is_that_of_sha256sum(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # an example of FIPS 180
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.digest(tmp_path / "abc") == expected


# Whole folders


def test_a_new_folder_appears_only_when_complete(tmp_path):
    with files.new_folder(tmp_path / "model") as part:
        assert files.re.fullmatch(r"model\.[0-9a-f]{16}\.part", part.name)
        (part / "a").write_text("a")
        assert names(tmp_path) == [part.name]
    assert names(tmp_path) == ["model"]
    assert names(tmp_path / "model") == ["a"]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_an_exception_leaves_no_folder(tmp_path, error):
    with pytest.raises(error), files.new_folder(tmp_path / "model") as part:
        (part / "a").write_text("a")
        raise error("stop")
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_new_folder_replaces_nothing(tmp_path, kind):
    there = tmp_path / "model"
    with pytest.raises(InputError, match="model already exists"):
        with files.new_folder(there):
            if kind == "file":
                there.write_text("mine")
            elif kind == "folder":
                there.mkdir()
                (there / "mine").write_text("mine")
            else:
                there.symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path) == ["model"]
    assert there.is_symlink() == (kind == "link")


def test_an_error_names_the_folder(tmp_path):
    with pytest.raises(OSError) as failed, files.new_folder(tmp_path / "none" / "model"):
        pass
    assert failed.value.filename == str(tmp_path / "none" / "model")
