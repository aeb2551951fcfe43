"""`python -m minunet`: the list of commands, the versions, and what is refused."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import scipy
from commands import call, refused

import minunet
from minunet import __main__, cli


@pytest.mark.parametrize("arguments", [(), ("-h",), ("--help",)])
def test_the_commands_are_listed(arguments):
    result = call("__main__", *arguments)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert minunet.__version__ in lines[0]
    assert max(map(len, lines)) <= 100
    listed = [line.split(maxsplit=3)[2:] for line in lines if line.startswith("  python -m ")]
    expected = ["train", "predict", "evaluate", "export", "convert"]
    expected += ["augment", "geometry", "data", "models"]
    assert [name for name, _ in listed] == [f"minunet.{command}" for command in expected]
    assert [text for _, text in listed] == list(cli.COMMANDS.values())


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_and_list_describe_a_command_alike(command):
    module = f"{command}.__main__" if command in ("data", "models") else command
    result = call(module, "--help")
    assert result.code == 0
    assert f"\n{cli.COMMANDS[command]}\n" in result.out


def test_versions():
    result = call("__main__", "--version")
    assert (result.code, result.err) == (0, "")
    items = dict(line.split(maxsplit=1) for line in result.out.splitlines())
    assert list(items) == [
        *("minunet", "Python", "NumPy", "BLAS", "SciPy", "CuPy", "platform", "cores")
    ]
    assert items["minunet"] == minunet.__version__
    assert items["Python"] == ".".join(map(str, sys.version_info[:3]))
    assert items["NumPy"] == np.__version__
    assert items["SciPy"] == scipy.__version__
    assert int(items["cores"].split()[0]) >= 1


def test_versions_of_packages_with_other_distribution_names(monkeypatch):
    found = {"cupy": ["cupy-cuda12x"], "scipy": ["SciPy"]}
    numbers = {"cupy-cuda12x": "14.2.0", "SciPy": "1.17.1"}
    monkeypatch.setattr(metadata, "packages_distributions", lambda: found)
    monkeypatch.setattr(metadata, "version", numbers.__getitem__)
    assert __main__.installed("cupy") == "14.2.0 (cupy-cuda12x)"
    assert __main__.installed("scipy") == "1.17.1"
    assert __main__.installed("torch") == "not installed"


@pytest.mark.parametrize(
    ("found", "written"),
    [
        (
            [
                {"user_api": "openmp", "internal_api": "openmp", "version": None},
                {
                    **{"user_api": "blas", "internal_api": "openblas"},
                    **{"version": "0.3.31", "architecture": "SkylakeX"},
                },
            ],
            "openblas 0.3.31 SkylakeX",
        ),
        ([{"user_api": "blas", "internal_api": "mkl", "version": "2024.0"}], "mkl 2024.0"),
        ([], np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]),
    ],
)
def test_blas(monkeypatch, found, written):
    monkeypatch.setattr("threadpoolctl.threadpool_info", lambda: found)
    assert __main__.blas() == written


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "'trian' is not a command; did you mean python -m minunet.train?"),
        (["minunet.data"], "'minunet.data' is not a command; did you mean python -m minunet.data?"),
        (["--versoin"], "'--versoin' is not an option; did you mean --version?"),
        (["--version", "train"], "--version takes no arguments; pass it alone"),
        (
            ["train", "--help"],
            "train is a command, not an argument; run python -m minunet.train --help",
        ),
        (
            ["predict", "my model.npz", "a.tif"],
            "predict is a command, not an argument; "
            "run python -m minunet.predict 'my model.npz' a.tif",
        ),
        (
            ["xyz"],
            "'xyz' is not a command; the commands are train, predict, evaluate, export, convert, "
            "augment, geometry, data, models",
        ),
    ],
)
def test_refusals(arguments, message):
    assert refused(call("__main__", *arguments)) == f"python -m minunet: {message}"


def test_minunet_runs_as_a_module():
    command = [sys.executable, "-m", "minunet", "evalute"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("did you mean python -m minunet.evaluate?\n")


def test_the_citation_names_this_version():
    citation = (Path(__file__).parents[1] / "CITATION.cff").read_text()
    assert f"\nversion: {minunet.__version__}\n" in citation


def test_cores_are_those_available_to_the_process(monkeypatch):
    monkeypatch.setattr("minunet.fast.threads.cores", lambda: 7)
    monkeypatch.setattr("minunet.fast.threads.count", lambda: 3)
    assert "cores     7 available to this process" in __main__.versions()


def test_the_descriptions_of_the_commands_are_aligned():
    lines = [line for line in __main__.overview().splitlines() if line.startswith("  python")]
    starts = {line.index(text) for line, text in zip(lines, cli.COMMANDS.values(), strict=True)}
    assert len(starts) == 1
    assert all(line[min(starts) - 2 : min(starts)] == "  " for line in lines)
