"""`build.py` deletes and overwrites nothing that it has not written."""

import sys

import build
import pytest


@pytest.fixture
def command(monkeypatch, capsys):
    """Return a function that runs build.py without Sphinx, and returns its code and message."""
    pages = ["index.html", "old/page.html"]

    def build_pages(folder, pyodide=None):
        for page in pages:
            path = folder / "site" / page
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("new", "utf-8")
        return 0

    monkeypatch.setattr(build, "pages", build_pages)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["build.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            build.main()
        return ended.value.code, capsys.readouterr().err

    run.pages = pages
    return run


def contents(folder):
    """Return all files of a folder with what they contain."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_site_replaces_an_earlier_one(command, tmp_path):
    out = tmp_path / "site"
    assert command("site", out) == (0, "")
    (out / "index.html").write_text("changed")
    command.pages[:] = ["index.html", "other.html"]
    assert command("site", out) == (0, "")
    assert (out / "index.html").read_text() == "new"
    assert {path.name for path in out.iterdir()} == {"index.html", "other.html", build.BUILT}


def test_an_empty_folder_becomes_a_site(command, tmp_path):
    assert command("site", tmp_path) == (0, "")
    assert (tmp_path / "index.html").exists()


@pytest.mark.parametrize("name", ["notes.txt", "index.html", ".git/config", "deep/er/a.npz"])
def test_a_folder_with_other_files_is_refused(command, tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("precious")
    before = contents(tmp_path)
    code, message = command("site", tmp_path)
    assert code == 2
    assert f"{tmp_path / name} is not part of a site" in message
    assert message.count("\n") == 1
    assert contents(tmp_path) == before


def test_a_site_to_which_a_file_was_added_is_refused(command, tmp_path):
    out = tmp_path / "site"
    assert command("site", out)[0] == 0
    (tmp_path / "elsewhere").mkdir()
    (out / "CNAME").symlink_to(tmp_path / "elsewhere")
    before = contents(out)
    code, message = command("site", out)
    assert (code, "CNAME is not part of a site" in message) == (2, True)
    assert contents(out) == before
    assert (out / "CNAME").is_symlink()


def test_a_file_in_place_of_the_folder_is_refused(command, tmp_path):
    (tmp_path / "site").write_text("precious")
    assert command("site", tmp_path / "site")[0] == 2
    assert (tmp_path / "site").read_text() == "precious"


@pytest.mark.parametrize("kind", ["slides", "pdf"])
def test_slides_and_pdf_do_not_overwrite_a_file(command, tmp_path, kind):
    pytest.importorskip("mdit_py_plugins")
    out = tmp_path / "course"
    out.write_text("precious")
    code, message = command(kind, out)
    assert (code, out.read_text()) == (2, "precious")
    assert f"{out} already exists" in message
    code, message = command(kind, tmp_path / "missing" / "course")
    assert (code, f"{tmp_path / 'missing'} is not a folder" in message) == (2, True)


def test_without_a_browser_the_pdf_is_one_sentence(command, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, message = command("pdf", tmp_path / "course.pdf")
    assert code == 2
    assert "printing needs a browser; install one of chromium" in message
    assert message.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_browser_that_fails_is_one_sentence(command, tmp_path, monkeypatch):
    import website.paper

    programs, out = tmp_path / "bin", tmp_path / "course.pdf"
    programs.mkdir()
    (programs / "chromium").write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    (programs / "chromium").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setattr(website.paper, "bound", lambda site: "a page")
    code, message = command("pdf", out)
    assert code == 2
    assert "chromium did not print the course: no display" in message
    assert not out.exists()
