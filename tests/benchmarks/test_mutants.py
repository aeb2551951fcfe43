"""The mutation script finds untested lines, and leaves the working tree as it is."""

import ast

import mutants
import pytest

SOURCE = '''"""Nothing in a docstring changes: 3 + 4."""


def clipped(x, most=5):
    """Return x, at most 5."""
    if x > most:
        return most
    return x


def untested(x):
    return -x
'''
TESTS = """from minunet.ops import tiny


def test_by_hand():
    assert tiny.clipped(3) == 3
    assert tiny.clipped(6) == 5
    assert tiny.clipped(8, 7) == 7
"""


@pytest.fixture
def root(tmp_path):
    """Make a package of one module, with its tests."""
    for path, text in (
        ("minunet/__init__.py", ""),
        ("minunet/ops/__init__.py", ""),
        ("minunet/ops/tiny.py", SOURCE),
        ("tests/ops/test_tiny.py", TESTS),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def changes(source):
    """List the changes of a source, without the line that each is in."""
    return [mutant.change.split("    in: ")[0] for mutant in mutants.mutants(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a = b + 1", {"b + 1 → b - 1", "1 → 2", "1 → 0"}),
        ("a = b < c", {"b < c → b <= c", "b < c → b > c"}),
        ("a = b and not c", {"b and (not c) → b or not c", "not c → c"}),
        ("a = f(b, c, *d)", {"f(b, c, *d) → f(c, b, *d)"}),
        ("a = np.max(b, c)", {"np.max → np.min"}),
        ("a = b[c:d]", {"c:d → :d", "c:d → c:"}),
        (
            "if a:\n    b -= c",
            {"if a: b -= c → if not a: b -= c", "b -= c → b += c", "b -= c → pass"},
        ),
        ("def f(a: int = True) -> 1: return a", {"True → False"}),
        ("f(a)\ng[a] = b", {"f(a) → pass", "g[a] = b → pass"}),
        ("raise E(f'{1 + a}', 2)", {"raise E(f'{1 + a}', 2) → pass"}),
        ("import a\nb: int\n'text 1'\n@d(1)\nclass C(B[1]): '2'", set()),
    ],
)
def test_changes_by_hand(source, expected):
    assert set(changes(source)) == expected


def test_every_mutant_is_a_module_with_another_tree():
    made = mutants.mutants(SOURCE)
    trees = {ast.dump(ast.parse(mutant.source)) for mutant in made}
    assert len(trees) == len(made) == 6
    assert ast.dump(ast.parse(SOURCE)) not in trees
    assert {mutant.line for mutant in made} == {4, 6, 12}


def test_survivors_are_listed_and_the_working_tree_does_not_change(root, capsys):
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert mutants.main(["ops/tiny.py", "--jobs", "2"], root) == 0
    out, err = capsys.readouterr()
    *lines, last = out.splitlines()
    # `x > most` may as well be `x >= most`: that mutant is equivalent.
    assert lines[0] == "minunet/ops/tiny.py:6: x > most → x >= most    in: if x > most:"
    assert lines[1:] == ["minunet/ops/tiny.py:12: -x → x    in: return -x"]
    assert last == "minunet/ops/tiny.py: 6 of 6 mutants, 4 killed, 2 survived"
    assert "/6 mutants" in err or err == ""  # a line every ten seconds
    assert before == {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_seed_chooses_the_same_mutants(root, capsys):
    def listed(*options):
        assert mutants.main(["minunet.ops.tiny", "--list", *options], root) == 0
        return capsys.readouterr().out.splitlines()

    assert len(listed()) == 6
    three = listed("--count", "3", "--seed", "1")
    assert len(three) == 3
    assert three == listed("--count", "3", "--seed", "1") != listed("--count", "3", "--seed", "2")


def test_an_endless_loop_is_killed_and_further_tests_can_be_named(root, capsys, monkeypatch):
    monkeypatch.setattr(mutants, "LONGEST", 1)
    monkeypatch.setattr(mutants, "mutants", lambda source: [mutants.Mutant(1, "", "while 1: 1")])
    (root / "minunet/ops/loop.py").write_text("")
    (root / "tests/more.py").write_text("def test():\n    from minunet.ops import loop\n")
    assert mutants.main(["ops.loop"], root) == 2
    assert "there is no tests/ops/test_loop.py; name tests with --tests" in capsys.readouterr().err
    assert mutants.main(["ops.loop", "--tests", "tests/more.py"], root) == 0
    assert "1 of 1 mutants, 1 killed, 0 survived" in capsys.readouterr().out


def test_tests_that_fail_without_a_change_are_refused(root, capsys):
    (root / "tests/ops/test_tiny.py").write_text("def test():\n    assert 1 == 2\n")
    assert mutants.main(["ops/tiny.py"], root) == 2
    assert "the tests fail without any change" in capsys.readouterr().err
    assert mutants.main(["ops/none.py"], root) == 2
    assert "ops/none.py is not a module of minunet" in capsys.readouterr().err
