"""The package keeps its rules: which room may import which, and what rooms and modules must have.

`minunet/` contains modules and one level of rooms (folders); its face is `minunet/__init__.py`.
Each rule is a function that returns the breaches it finds. Rules about imports read syntax trees,
so they see imports at the top of a file, in functions and under `TYPE_CHECKING`. The second half of
this file breaks every rule in a small package, and checks that the breach is reported.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]

MAY_IMPORT = {
    "array": set(),
    "errors": set(),
    "image": {"array", "errors"},
    "differences": {"array"},
    "gradcheck": {"array", "differences"},
    "ops": {"array"},
    "fast": {"array", "ops"},
    "gpu": {"array", "ops"},
    "network": {"array", "errors", "image", "ops", "fast", "gpu"},
}
"""Rooms and modules of the core, with those that each may import apart from itself."""

OUTSIDE_THE_CORE = {
    *("argparse", "pathlib", "shutil", "tempfile", "io", "csv", "json", "logging"),
    *("tqdm", "matplotlib", "tifffile", "PIL"),
}
"""Command lines, files, pictures and progress bars, which the core must not import."""

HIDING = {"import_module", "__import__", "run_module", "run_path", "exec", "eval"}
"""Functions that can import a module without naming it in the syntax tree."""

WITHOUT_TEST_FILE = {
    "minunet.array": "two type aliases, which mypy checks",
    "minunet.data.annotation": "types and defaults, which the tests of label files use",
    "minunet.errors": "one exception, which the tests of every message raise",
}
"""Modules without a test file of their own, with the reason."""


class Module(NamedTuple):
    """A Python file of the package."""

    name: str  # minunet.ops.conv2d; minunet.ops for the __init__.py of a room
    path: Path
    tree: ast.Module

    @property
    def place(self) -> str:
        """Room of the module, or its own name outside of rooms; empty for minunet itself."""
        return place(self.name)


class House(NamedTuple):
    """The package and its tests."""

    package: Path
    tests: Path
    modules: dict[str, Module]


def read(root: Path) -> House:
    """Parse minunet/ in a folder, which also contains tests/."""
    modules = {}
    for path in sorted((root / "minunet").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules[name] = Module(name, path, ast.parse(path.read_text()))
    return House(root / "minunet", root / "tests", modules)


def place(name: str) -> str:
    """Return the second part of a dotted name of minunet: a room, or a module outside of rooms."""
    return name.split(".")[1] if "." in name else ""


def imports(module: Module, known: dict[str, Module]) -> Iterator[str]:
    """Yield the dotted names of everything that a module imports."""
    package = module.name.split(".")
    if module.path.name != "__init__.py":
        package.pop()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            names = [f"{origin}.{alias.name}" for alias in node.names]
            yield from (name if name in known else origin for name in names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant))


def all_imports(house: House) -> Iterator[tuple[Module, str]]:
    """Yield each pair of a module and a name that it imports."""
    for module in house.modules.values():
        for name in sorted(set(imports(module, house.modules))):
            yield module, name


def of_minunet(name: str) -> bool:
    """Return whether a dotted name is minunet or something in it."""
    return name.split(".")[0] == "minunet"


# Rules


def the_core_imports_only_what_is_below_it(house: House) -> list[str]:
    """Report imports within minunet that `MAY_IMPORT` does not list."""
    return [
        f"{module.name} imports {name}"
        for module, name in all_imports(house)
        if module.place in MAY_IMPORT and of_minunet(name)
        if place(name) not in {module.place, *MAY_IMPORT[module.place]}
    ]


def the_core_has_no_files_and_no_pictures(house: House) -> list[str]:
    """Report imports of `OUTSIDE_THE_CORE` in the core."""
    return [
        f"{module.name} imports {name}"
        for module, name in all_imports(house)
        if module.place in MAY_IMPORT and name.split(".")[0] in OUTSIDE_THE_CORE
    ]


def only_device_imports_cupy(house: House) -> list[str]:
    """Report imports of CuPy anywhere but in `network/device.py`."""
    return [
        f"{module.name} imports {name}"
        for module, name in all_imports(house)
        if name.split(".")[0] in ("cupy", "cupyx") and module.name != "minunet.network.device"
    ]


def only_the_version_is_taken_from_the_face(house: House) -> list[str]:
    """Report uses of names such as `minunet.load` in minunet; they hide which room is used."""
    breaches = []
    for module in house.modules.values():
        for node in ast.walk(module.tree):
            taken = []
            if isinstance(node, ast.ImportFrom) and "minunet" in imports_of(node, module, house):
                taken = [alias.name for alias in node.names]
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "minunet":
                taken = [node.attr]
            breaches += [
                f"{module.name} takes {name} from the face"
                for name in taken
                if f"minunet.{name}" not in house.modules and name != "__version__"
            ]
    return breaches


def imports_of(node: ast.ImportFrom, module: Module, house: House) -> list[str]:
    """List the dotted names that one import statement of a module imports."""
    statement = ast.Module([node], [])
    return list(imports(module._replace(tree=statement), house.modules))


def no_import_is_hidden(house: House) -> list[str]:
    """Report imports with a computed target, which no other rule can see."""
    return [
        f"{module.name} hides an import: {ast.unparse(node)}"
        for module in house.modules.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        if ast.unparse(node.func).split(".")[-1] in HIDING and not names_its_target(node)
    ]


def names_its_target(call: ast.Call) -> bool:
    """Return whether a call is `import_module("a.name")`, which `imports` can read."""
    plain = len(call.args) == 1 and not call.keywords and isinstance(call.args[0], ast.Constant)
    return plain and ast.unparse(call.func).endswith("import_module")


def no_circle_of_rooms(house: House) -> list[str]:
    """Report rooms that import each other, directly or through others."""
    graph: dict[str, set[str]] = {module.place: set() for module in house.modules.values()}
    for module, name in all_imports(house):
        # Any module may import minunet itself, for its version.
        if of_minunet(name) and "" not in (module.place, place(name)):
            graph[module.place].add(place(name))

    def reached(start: str) -> set[str]:
        found, ahead = set(), graph[start] - {start}
        while ahead:
            here = ahead.pop()
            found.add(here)
            ahead |= graph.get(here, set()) - found
        return found

    reach = {room: reached(room) for room in graph}
    circles = {
        frozenset(other for other in reach[room] if room in reach[other])
        for room in graph
        if room in reach[room]
    }
    return [f"{', '.join(sorted(circle))} import each other in a circle" for circle in circles]


def commands(house: House) -> set[str]:
    """Return the names of the modules that can be run with `python -m`."""
    return {
        module.name
        for module in house.modules.values()
        if module.path.name == "__main__.py"
        or any(
            isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"
            for node in module.tree.body
        )
    }


def nothing_imports_a_command(house: House) -> list[str]:
    """Report imports of a command, except in `minunet.__main__`, which lists the commands."""
    names = commands(house)
    return [
        f"{module.name} imports the command {name}"
        for module, name in all_imports(house)
        if name in names and module.name != "minunet.__main__"
    ]


def folders(folder: Path) -> list[Path]:
    """List the folders in a folder, except `__pycache__` and hidden ones."""
    found = [path for path in folder.iterdir() if path.is_dir()]
    return sorted(path for path in found if path.name != "__pycache__" and path.name[0] != ".")


def rooms_are_one_level_deep(house: House) -> list[str]:
    """Report folders in a room, and rooms without `__init__.py`."""
    rooms = folders(house.package)
    deep = [f"{room.name} contains a folder, {f.name}" for room in rooms for f in folders(room)]
    closed = [room for room in rooms if not (room / "__init__.py").is_file()]
    return deep + [f"{room.name} has no __init__.py" for room in closed]


def each_room_lists_its_files(house: House) -> list[str]:
    """Report files missing from the table in their room's docstring, and entries without a file."""
    breaches = []
    for room in folders(house.package):
        module = house.modules.get(f"minunet.{room.name}")
        lines = (ast.get_docstring(module.tree) or "").splitlines() if module else []
        cells = [line.split("|")[1] for line in lines if line.startswith("|")]
        listed = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
        there = {path.name for path in room.iterdir() if path.is_file()} - {"__init__.py"}
        breaches += [f"{room.name} does not list {name}" for name in sorted(there - {*listed})]
        breaches += [f"{room.name} lists {name}, not there" for name in sorted({*listed} - there)]
        twice = sorted({name for name in listed if listed.count(name) > 1})
        breaches += [f"{room.name} lists {name} twice" for name in twice]
    return breaches


def each_module_has_its_tests(house: House) -> list[str]:
    """Report modules without a test file, such as tests/ops/test_relu.py for ops/relu.py."""
    breaches = []
    for module in house.modules.values():
        if module.path.name == "__init__.py" or module.name in WITHOUT_TEST_FILE:
            continue
        folder = house.tests / module.path.relative_to(house.package).parent
        tests = folder / f"test_{module.path.stem.strip('_')}.py"
        if not tests.is_file():
            breaches.append(f"{module.name} has no {tests.relative_to(house.tests.parent)}")
    return breaches


def text_files_name_their_encoding(house: House) -> list[str]:
    """Report calls that open a text file in the encoding of the machine instead of UTF-8."""
    return [
        f"{module.name} opens a text file without encoding=: {ast.unparse(node)}"
        for module in house.modules.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and opens_text(node)
        if "encoding" not in {keyword.arg for keyword in node.keywords}
    ]


def opens_text(call: ast.Call) -> bool:
    """Return whether a call reads, writes or opens a file as text, judged by names and mode."""
    name = ast.unparse(call.func)
    if name.endswith((".read_text", ".write_text")) or name == "os.fdopen":
        return True
    given = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    given += [k.value.value for k in call.keywords if k.arg == "mode"]
    if name == "open":
        return not any("b" in mode for mode in given[-1:])
    # A method that takes only a mode, such as Path.open; not that of a library, such as Image.open.
    modes = len(call.args) == len(given) == 1 or (not call.args and bool(call.keywords))
    return name.endswith(".open") and modes and not any("b" in mode for mode in given)


RULES = [
    the_core_imports_only_what_is_below_it,
    the_core_has_no_files_and_no_pictures,
    only_device_imports_cupy,
    only_the_version_is_taken_from_the_face,
    no_import_is_hidden,
    no_circle_of_rooms,
    nothing_imports_a_command,
    rooms_are_one_level_deep,
    each_room_lists_its_files,
    each_module_has_its_tests,
    text_files_name_their_encoding,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_minunet_keeps_the_rule(rule):
    assert rule(read(ROOT)) == []


def test_commands_are_found():
    names = {name.removeprefix("minunet.") for name in commands(read(ROOT))}
    assert {"train", "predict", "evaluate", "augment", "geometry", "data.__main__"} <= names


def test_exempt_modules_exist_and_have_no_test_file():
    house = read(ROOT)
    for name in WITHOUT_TEST_FILE:
        assert name in house.modules
        assert not (house.tests / f"test_{name.rpartition('.')[2]}.py").exists()


# Planted breaches


def table(*names):
    rows = "".join(f"| `{name}` | what it is |\n" for name in names)
    return f'"""A room.\n\n| file | what it is |\n|---|---|\n{rows}"""\n'


SOUND = {
    "minunet/__init__.py": '__version__ = "0"\n',
    "minunet/__main__.py": "from minunet import predict\n",
    "minunet/array.py": "import numpy as np\n",
    "minunet/cli.py": "import argparse\nfrom minunet.fast import threads\n",
    "minunet/predict.py": "from minunet import cli, files\nif __name__ == '__main__':\n    main()",
    "minunet/files.py": "from pathlib import Path\n",
    "minunet/image.py": "from minunet.array import Array\n",
    "minunet/ops/__init__.py": table("conv.py") + "from minunet.ops import conv\n",
    "minunet/ops/conv.py": "from minunet.array import Array\n",
    "minunet/fast/__init__.py": table("threads.py", "conv.py"),
    "minunet/fast/threads.py": "import os\n",
    "minunet/fast/conv.py": "from minunet.fast.threads import over\nfrom minunet.ops import conv\n",
    "minunet/network/__init__.py": table("unet.py", "device.py"),
    "minunet/network/unet.py": "from minunet import fast, image, ops\nfrom . import device\n",
    "minunet/network/device.py": "def choose():\n    import cupy\n",
    "minunet/data/__init__.py": table("readers.py", "__main__.py"),
    "minunet/data/readers.py": "import json\nfrom minunet import __version__, files\n",
    "minunet/data/__main__.py": "from minunet.data import readers\n",
    "minunet/report/__init__.py": table("page.py", "style.css"),
    "minunet/report/page.py": "from minunet.data.readers import find\n",
    "minunet/report/style.css": "",
    **dict.fromkeys(
        [
            *("tests/test_cli.py", "tests/test_files.py", "tests/test_image.py"),
            *("tests/test_main.py", "tests/test_predict.py"),
            *("tests/ops/test_conv.py", "tests/fast/test_threads.py", "tests/fast/test_conv.py"),
            *("tests/network/test_unet.py", "tests/network/test_device.py"),
            *("tests/data/test_readers.py", "tests/data/test_main.py"),
            "tests/report/test_page.py",
        ],
        "",
    ),
}
"""Files of a small package that breaks no rule, as a source for each path."""


def build(folder, changes=()):
    """Write the sound package with some sources changed, or omitted if None, and read it."""
    for name, source in (SOUND | dict(changes)).items():
        if source is not None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
    return read(folder)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_sound_package_breaks_no_rule(tmp_path, rule):
    assert rule(build(tmp_path)) == []


def flat(planted):
    """List the planted breaches of all rules, each with its rule."""
    return [(rule, *case) for rule, cases in planted.items() for case in cases]


CORE_FILES = ("ops/conv", "fast/threads", "network/unet", "image", "array", "gradcheck")

LAZY = "def work():\n    {}\n"
TYPES = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    {}\n"


PLANTED_IMPORTS = {
    the_core_imports_only_what_is_below_it: [
        ("ops/conv", "from minunet import fast", "fast"),
        ("ops/conv", "import minunet.errors", "errors"),
        ("ops/conv", "import minunet", "minunet"),
        ("ops/conv", "from ..fast import conv", "fast"),
        ("ops/conv", "from .. import image", "image"),
        ("fast/conv", "from minunet.network.unet import forward", "network.unet"),
        ("fast/__init__", "from .. import image", "image"),
        ("network/unet", "from minunet import cli", "cli"),
        ("network/device", "import_module('minunet.data.readers')", "data.readers"),
        ("image", "from minunet import files", "files"),
        ("array", "from minunet import image", "image"),
    ],
    the_core_has_no_files_and_no_pictures: [
        *((path, "import argparse", "argparse") for path in CORE_FILES),
        *((path, "from pathlib import Path", "pathlib") for path in CORE_FILES),
        *((path, "import matplotlib.pyplot as plt", "matplotlib") for path in CORE_FILES),
        ("errors", "import os, csv", "csv"),
        ("errors", "import json", "json"),
        ("errors", "from tqdm.auto import tqdm", "tqdm"),
        ("errors", "import tifffile", "tifffile"),
        ("errors", "from PIL import Image", "PIL"),
    ],
    only_device_imports_cupy: [
        ("network/unet", "import cupy as cp", "cupy"),
        ("cli", "from cupy.cuda import Device", "cupy"),
        ("network/unet", "import cupyx", "cupyx"),
        ("network/unet", "import cupyx.scipy.ndimage", "cupyx"),
    ],
    no_circle_of_rooms: [
        ("data/readers", "from minunet import report", "data, report"),
        ("data/readers", "from ..report.page import png", "data, report"),
        ("files", "from minunet.report.page import png", "data, files, report"),
    ],
    nothing_imports_a_command: [
        ("report/page", "from minunet import predict", "predict"),
        ("report/page", "from minunet.predict import main", "predict"),
        ("__init__", "from minunet.predict import main", "predict"),
        ("report/page", "import minunet.data.__main__", "__main__"),
    ],
}
"""Imports that break a rule: the file, the statement, and words of the breach."""


@pytest.mark.parametrize("where", ["{}\n", LAZY, TYPES, "try:\n    {}\nexcept ImportError: ...\n"])
@pytest.mark.parametrize(("rule", "path", "line", "named"), flat(PLANTED_IMPORTS))
def test_a_planted_import_is_reported(tmp_path, where, rule, path, line, named):
    path = f"minunet/{path}.py"
    source = SOUND.get(path, "") + where.format(line)
    (breach,) = rule(build(tmp_path, {path: source}))
    assert named in breach


def test_two_circles_are_reported_separately(tmp_path):
    changes = {
        # data → network → fast → data, and report ⇄ runs; report also imports data.
        "minunet/data/readers.py": "from minunet.network import unet\n",
        "minunet/fast/threads.py": "from minunet.data import readers\n",
        "minunet/report/page.py": "from minunet import data, runs\n",
        "minunet/runs/__init__.py": "from minunet.report import page\n",
    }
    found = sorted(no_circle_of_rooms(build(tmp_path, changes)))
    assert [breach.partition(" import")[0] for breach in found] == [
        "data, fast, network",
        "report, runs",
    ]


PLANTED_CHANGES = {
    rooms_are_one_level_deep: [
        ({"minunet/ops/deep/more.py": ""}, "ops contains a folder, deep"),
        ({"minunet/ops/_deep/more.py": ""}, "ops contains a folder, _deep"),
        ({"minunet/ops/deep/a.txt": ""}, "ops contains a folder, deep"),
        ({"minunet/data/__init__.py": None}, "data has no __init__.py"),
    ],
    each_room_lists_its_files: [
        ({"minunet/ops/relu.py": ""}, "ops does not list relu.py"),
        ({"minunet/ops/a.css": ""}, "ops does not list a.css"),
        ({"minunet/ops/conv.py": None}, "ops lists conv.py, not there"),
        ({"minunet/ops/__init__.py": table("conv.py", "conv.py")}, "ops lists conv.py twice"),
        ({"minunet/ops/__init__.py": '"""Arrows: `conv.py`."""\n'}, "ops does not list conv.py"),
        ({"minunet/ops/__init__.py": ""}, "ops does not list conv.py"),
    ],
    text_files_name_their_encoding: [
        *(
            ({"minunet/files.py": call}, call)
            for call in (
                *("path.read_text()", "path.write_text('a', errors='replace')"),
                *("open(path)", "open(path, 'w')", "open(path, mode='a')"),
                *("path.open('a')", "path.open(newline='')", "os.fdopen(number, 'w')"),
            )
        ),
    ],
    each_module_has_its_tests: [
        ({"tests/ops/test_conv.py": None}, "tests/ops/test_conv.py"),
        ({"tests/data/test_main.py": None}, "tests/data/test_main.py"),
        ({"tests/test_cli.py": None}, "tests/test_cli.py"),
        ({"tests/ops/test_conv.py": None, "tests/test_conv.py": ""}, "tests/ops/test_conv.py"),
    ],
}
"""Changes of files that break a rule, and words of the breach."""


@pytest.mark.parametrize(("rule", "changes", "named"), flat(PLANTED_CHANGES))
def test_a_planted_breach_is_reported(tmp_path, rule, changes, named):
    (breach,) = rule(build(tmp_path, changes))
    assert named in breach


@pytest.mark.parametrize(
    "call",
    [
        *("path.read_text('utf-8', encoding='utf-8')", "open(path, 'rb')", "path.open('wb')"),
        *("open(path, encoding='utf-8')", "path.open(mode='rb')", "PIL.Image.open(path)"),
        *("path.read_bytes()", "handle.open()", "path.open('a', encoding='utf-8')"),
    ],
)
def test_binary_files_and_encodings_are_allowed(tmp_path, call):
    assert text_files_name_their_encoding(build(tmp_path, {"minunet/files.py": call})) == []


FACE = "def __getattr__(name):\n    from minunet.report import page\n"


@pytest.mark.parametrize("where", ["{}\n", LAZY, TYPES])
@pytest.mark.parametrize(
    "line",
    [
        "from minunet import load",
        "from minunet import __version__, load",
        "from minunet import *",
        "from .. import load",
        "import minunet; minunet.load('m.npz')",
    ],
)
def test_an_import_through_the_face_is_reported(tmp_path, where, line):
    changes = {
        "minunet/__init__.py": FACE,
        "minunet/data/readers.py": where.format(line),
    }
    (breach,) = only_the_version_is_taken_from_the_face(build(tmp_path, changes))
    assert "minunet.data.readers takes" in breach


def test_the_face_may_provide_the_version_and_modules(tmp_path):
    allowed = "import minunet\nfrom minunet import __version__, files\nprint(minunet.__version__)\n"
    changes = {"minunet/data/readers.py": allowed + "minunet.files.taken()\n"}
    assert only_the_version_is_taken_from_the_face(build(tmp_path, changes)) == []


@pytest.mark.parametrize(
    "call",
    [
        "importlib.import_module('minunet' + '.data')",
        "importlib.import_module('..data', __package__)",
        "importlib.import_module(name)",
        "importlib.import_module(name='minunet.data')",
        "importlib.import_module(f'minunet.{name}')",
        "__import__('minunet.data')",
        "runpy.run_module('minunet.predict')",
        "exec('import argparse')",
    ],
)
def test_a_hidden_import_is_reported(tmp_path, call):
    (breach,) = no_import_is_hidden(build(tmp_path, {"minunet/ops/conv.py": call}))
    assert call in breach


def test_import_module_with_a_full_name_is_not_hidden(tmp_path):
    changes = {"minunet/ops/conv.py": "importlib.import_module('scipy.linalg')"}
    assert no_import_is_hidden(build(tmp_path, changes)) == []
