"""The interactive figures compute what the package computes, and work in a page."""

import json
import re
import shutil
import subprocess

import browser
import numpy as np
import pytest
import scipy
from chapters import CHAPTERS, cells, source
from website import interactive

from minunet.augmentation import deformation
from minunet.data import distances, weight_map
from minunet.errors import InputError
from minunet.network import initialization, sizes, unet
from minunet.network.architecture import Architecture
from minunet.ops import conv2d, conv_relu, crop_concat

NAMES = sorted({name for name, _ in interactive.FIGURES.values()})
STARTS = sorted(set(interactive.FIGURES.values()))


def program(*names):
    """Return the text of scripts, each only once."""
    files = dict.fromkeys(file for name in names for file in interactive.scripts(name))
    return "".join((interactive.STATIC / file).read_text("utf-8") for file in files)


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory):
    """Return a function that evaluates JavaScript, with all figures, in Node.js or a browser."""
    everything = program(*NAMES)
    if node := shutil.which("node"):

        def in_node(script):
            text = f"{everything}\nprocess.stdout.write(JSON.stringify({script}));"
            done = subprocess.run([node, "-"], input=text, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)

        yield in_node
    elif browser.found():
        opened = browser.Browser(tmp_path_factory.mktemp("profile"))
        opened.evaluate(f"{everything}; 0")
        yield lambda script: json.loads(opened.evaluate(f"JSON.stringify({script})"))
        opened.close()
    else:
        pytest.skip("neither Node.js nor a browser is installed")


def calls(evaluate, function, arguments):
    """Call a function of `compute` once for every list of arguments."""
    given = [[a.tolist() if isinstance(a, np.ndarray) else a for a in each] for each in arguments]
    return evaluate(f"{json.dumps(given)}.map(given => compute.{function}(...given))")


# The same numbers as the package.


def test_a_convolution_and_its_gradients_are_those_of_the_package(evaluate):
    rng, drawn = np.random.default_rng(1), []
    for _ in range(20):
        kh, kw = rng.integers(1, 4, 2)
        x = rng.integers(-9, 10, (kh + rng.integers(0, 5), kw + rng.integers(0, 5)))
        w = rng.integers(-9, 10, (kh, kw))
        dy = rng.integers(-9, 10, (len(x) - kh + 1, x.shape[1] - kw + 1))
        drawn.append((x, w, dy, int(rng.integers(-9, 10))))
    forward = calls(evaluate, "convolve", [(x, w, b) for x, w, _, b in drawn])
    backward = calls(evaluate, "convolveBackward", [(dy, x, w) for x, w, dy, _ in drawn])
    for (x, w, dy, b), y, gradients in zip(drawn, forward, backward, strict=True):
        map_, kernel = x[..., np.newaxis], w[..., np.newaxis, np.newaxis]
        assert np.array_equal(y, conv2d.forward(map_, kernel, np.array([b]))[..., 0])
        dx, dw, db = conv2d.backward(dy[..., np.newaxis], map_, kernel)
        assert np.array_equal(gradients["dx"], dx[..., 0])
        assert np.array_equal(gradients["dw"], dw[..., 0, 0])
        assert gradients["db"] == db[0]


def test_after_some_steps_the_gradients_are_those_of_as_many_pixels(evaluate):
    rng = np.random.default_rng(2)
    x, w, dy = (rng.integers(-9, 10, shape) for shape in ((4, 5), (2, 3), (3, 3)))
    found = calls(evaluate, "convolveBackward", [(dy, x, w, n) for n in range(10)])
    for n, gradients in enumerate(found):
        first = np.where(np.arange(9).reshape(3, 3) < n, dy, 0)
        dx, dw, db = conv2d.backward(
            first[..., np.newaxis], x[..., np.newaxis], w[..., np.newaxis, np.newaxis]
        )
        assert np.array_equal(gradients["dx"], dx[..., 0])
        assert np.array_equal(gradients["dw"], dw[..., 0, 0])
        assert gradients["db"] == db[0]


def maps_of_cells():
    """Draw maps of cells: touching or not, of a single pixel, one cell, none."""
    rng = np.random.default_rng(3)
    maps = [np.zeros((4, 6), int), np.ones((3, 3), int), np.eye(7, dtype=int)]
    for _ in range(12):
        seeds = rng.integers(0, 24, (rng.integers(1, 9), 2))
        rows, columns = np.indices((24, 30))
        away = np.hypot(rows - seeds[:, :1, np.newaxis], columns - seeds[:, 1:, np.newaxis])
        maps.append(np.where(away.min(axis=0) < rng.uniform(1, 7), away.argmin(axis=0) + 1, 0))
    return maps


def test_weight_maps_are_those_of_the_package(evaluate):
    rng = np.random.default_rng(4)
    drawn = [(one, rng.uniform(0, 15), rng.uniform(0.5, 15)) for one in maps_of_cells()]
    # JSON has no infinity.
    found = evaluate(
        f"{json.dumps([(drawing.tolist(), *rest) for drawing, *rest in drawn])}"
        ".map(given => compute.weightMap(...given)).map(map => ({...map, nearest: map.nearest"
        ".map(row => row.map(pair => pair.map(([d, ...at]) => [Math.min(d, 1e9), ...at])))}))"
    )
    touching = 0
    for (drawing, w0, sigma), map_ in zip(drawn, found, strict=True):
        separated = weight_map.separate(drawing)
        assert np.array_equal(map_["separated"], separated)
        w_c = weight_map.class_weights([separated > 0], classes=2)
        assert np.array_equal(map_["classes"], w_c)
        expected = weight_map.paper(drawing, w_c, w0, sigma)
        assert np.allclose(map_["weights"], expected, rtol=1e-6, atol=1e-6)
        # Without class weights, even tiny terms count, and the reach beyond which they are 0.
        border = weight_map.paper(drawing, np.zeros(2), w0, sigma)
        assert np.allclose(map_["border"], border, rtol=1e-6, atol=1e-37)
        nearest = np.array(map_["nearest"])
        for k, of_package in enumerate(distances.two_nearest(separated)):
            assert np.allclose(nearest[..., k, 0], np.minimum(of_package, 1e9), rtol=1e-12)
        for (r, c), at in zip(np.ndindex(drawing.shape), nearest.reshape(-1, 2, 3), strict=True):
            for distance, row, column in at[at[:, 0] < 1e9]:
                assert np.isclose(np.hypot(row - r, column - c), distance)
                assert separated[int(row), int(column)] > 0
        touching += np.any(separated != drawing)
    assert touching > 5


def test_displacements_are_those_of_the_package(evaluate):
    rng = np.random.default_rng(5)
    for size in (2, 7, 61, 196):
        vectors = 10 * rng.standard_normal((2, 3, 3))
        spline = deformation.interpolating(size)
        middle = (size - 1) / 2
        source = deformation.source(size, spline, vectors, np.eye(2), (middle, middle))
        pixels = np.unique(rng.integers(0, size, 9))
        arguments = [(vectors, int(r), int(c), size) for r in pixels for c in pixels]
        found = np.reshape(calls(evaluate, "displacement", arguments), (*2 * pixels.shape, 2))
        expected = (source - np.indices((size, size)))[:, pixels][:, :, pixels]
        assert np.allclose(np.moveaxis(found, -1, 0), expected, rtol=0, atol=1e-9)


def test_the_determinant_is_the_one_of_the_splines_derivative(evaluate):
    rng, size = np.random.default_rng(6), 92
    vectors = 10 * rng.standard_normal((2, 3, 3))
    spline = deformation.interpolating(size)
    curve = scipy.interpolate.CubicSpline(spline.points, np.eye(3), bc_type="natural")
    at = np.sort(np.append(rng.uniform(0, size - 1, 9), [0, size - 1]))
    along, slope = curve(at), curve(at, 1)
    (rr, cr), (rc, cc) = slope @ vectors @ along.T, along @ vectors @ slope.T
    expected = (1 + rr) * (1 + cc) - rc * cr
    found = calls(evaluate, "determinant", [(vectors, r, c, size) for r in at for c in at])
    assert np.allclose(np.reshape(found, expected.shape), expected, rtol=0, atol=1e-9)


def test_sizes_along_the_u_are_those_of_the_package(evaluate):
    asked = [(size, depth) for depth in (1, 2, 3, 4) for size in range(1, 260)] + [(572, 4)]
    valid = 0
    for (size, depth), walk in zip(asked, calls(evaluate, "stages", asked), strict=True):
        try:
            expected = sizes.stages(size, depth)
        except InputError:
            expected = None
        assert (walk and [[k, tuple(v)] for k, v in walk.items()]) == (
            expected and [list(stage) for stage in expected]
        )
        valid += walk is not None
    assert valid > 100
    found = calls(evaluate, "nearestValid", asked)
    assert [tuple(pair) for pair in found] == [sizes.nearest_valid(*each) for each in asked]
    depths = [(depth,) for depth in (1, 2, 3, 4)]
    assert calls(evaluate, "margin", depths) == [sizes.margin(*depth) for depth in depths]
    smallest = [next(sizes.valid_sizes(*depth)) for depth in depths]
    assert calls(evaluate, "smallest", depths) == smallest


def lit(depth, size, through, pixels, monkeypatch):
    """Find by gradients which columns of a tile an output pixel depends on along one path.

    The other paths are cut: where the path turns, the map across or the one from below passes no
    gradient. Several random networks are added up, because ReLU and pooling let pass only a part.
    """
    rng, arch = np.random.default_rng(7), Architecture(depth=depth, channels=3, dropout=0)
    split, backward = crop_concat.backward, conv_relu.backward
    heard, levels = [], []

    def one_way(dy, skip_shape):
        below, across = split(dy, skip_shape)
        level = len(levels)
        levels.append(level)  # the first call is for level 0
        return below * (level != through), across * (level == through)

    def listen(*given):
        gradients = backward(*given)
        heard.append(gradients[0])
        return gradients

    seen = dict.fromkeys(pixels, 0)
    for _ in range(6):
        params = initialization.gaussian(arch, rng, np.float64)
        x = rng.standard_normal((size, size, 1))
        logits, activations = unet.forward(params, x, arch)
        for r in pixels:
            dlogits = np.zeros_like(logits)
            dlogits[r, r, 0] = 1
            heard.clear(), levels.clear()
            with monkeypatch.context() as patch:
                patch.setattr(crop_concat, "backward", one_way)
                patch.setattr(conv_relu, "backward", listen)
                unet.backward(params, activations, dlogits, arch)
            seen[r] = seen[r] + np.abs(heard[-1][..., 0]).sum(axis=0)
    return {r: [int(n) for n in np.nonzero(column)[0][[0, -1]]] for r, column in seen.items()}


@pytest.mark.parametrize(("depth", "size"), [(1, 22), (2, 52), (3, 108)])
def test_an_output_pixel_sees_what_has_a_gradient(evaluate, monkeypatch, depth, size):
    output = sizes.output_size(size, depth)
    pixels = sorted({0, 1, 3, output // 2, output - 1})
    for through in range(depth + 1):
        found = calls(evaluate, "seen", [(size, depth, r, through) for r in pixels])
        expected = lit(depth, size, through, pixels, monkeypatch)
        assert {
            r: spans["contract0"][0] for r, spans in zip(pixels, found, strict=True)
        } == expected


def test_a_pixel_stays_inside_every_map_of_the_paper(evaluate):
    walk = dict(sizes.stages(572, 4))
    for r in (0, 120, 387):
        for spans in calls(evaluate, "seen", [(572, 4, r, through) for through in range(5)]):
            for stage, of_stage in spans.items():
                for (first, last), size in zip(of_stage, walk[stage], strict=True):
                    assert 0 <= first <= last < size


# The drawings show these numbers.


def test_the_u_is_drawn_with_the_sizes_of_the_package(evaluate):
    html = evaluate("(({start, html}) => html(start('')))(interactive.figures.receptive_field)")
    u, tile = re.findall(r"<svg.*?</svg>", html)
    shown = [int(n.replace("−", "-")) for n in re.findall(r">(−?\d+)</text>", u)]
    walk = [size for _, of_stage in sizes.stages(572, 4) for size in of_stage]
    assert shown == [*walk, -88, -40, -16, -4]
    bars = re.findall(r'class="(\w+)" x="([\d.]+)" y="(\d+)" width="([\d.]+)" height="10"', u)
    assert len([kind for kind, *_ in bars if kind == "bar"]) == len(walk)
    for kind, x, y, width in bars:
        if kind != "bar":  # what is seen is a part of its map
            maps = [bar for bar in bars if bar[0] == "bar" and bar[2] == y]
            [whole] = [bar for bar in maps if _within(x, width, bar)]
            assert float(width) < float(whole[3])
    rows, columns = (
        [
            calls(evaluate, "seen", [(572, 4, r, through)])[0]["contract0"][0]
            for through in reversed(range(5))
        ]
        for r in (120, 250)
    )
    squares = re.findall(r'"path\w+" x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"', tile)
    assert [tuple(map(int, square)) for square in squares] == [
        (left, top, right - left + 1, bottom - top + 1)
        for (top, bottom), (left, right) in zip(rows, columns, strict=True)
    ]


def _within(x, width, bar):
    """Return whether a part of a bar, given as the texts of x and width, is inside it."""
    start, end = float(bar[1]), float(bar[1]) + float(bar[3])
    return start <= float(x) + 0.1 and float(x) + float(width) <= end + 0.1


def test_the_net_is_drawn_where_the_package_reads_the_tile(evaluate):
    figure = "interactive.figures.deformation"
    state, html = evaluate(f"(({{start, html}}) => [start(''), html(start(''))])({figure})")
    vectors = state["sigma"] * np.array(state["drawn"])
    spline, middle = deformation.interpolating(size := state["size"]), (state["size"] - 1) / 2
    at = deformation.source(size, spline, vectors, np.eye(2), (middle, middle))
    bent, straight = re.findall(r'class="net"[^>]* d="M([^"]*)"', html)
    lines, places = (
        [np.array(line.replace("L", " ").split(), float).reshape(-1, 2) for line in net.split("M")]
        for net in (bent, straight)
    )
    for line, place in zip(lines, places, strict=True):
        columns, rows = line.T
        expected = [scipy.ndimage.map_coordinates(each, place.T[::-1], order=1) for each in at]
        assert np.allclose([rows, columns], expected, atol=0.12)
    assert len(lines) == 18


# What the texts around the figures say.


def test_the_answers_about_receptive_fields_are_right(evaluate):
    def bottom(depth, size):
        pixels = range(sizes.output_size(size, depth))
        found = calls(evaluate, "seen", [(size, depth, r, depth) for r in pixels])
        return np.array([spans["contract0"][0] for spans in found])

    widths = {}
    for depth in (1, 2, 3, 4):
        edges = bottom(depth, next(sizes.valid_sizes(depth)) + 64)
        widths[depth] = {int(n) for n in edges[:, 1] - edges[:, 0] + 1}
    assert widths == {1: {18}, 2: {44}, 3: {92, 100}, 4: {188, 204}}
    left, right = np.diff(edges, axis=0).T
    assert [*np.nonzero(left)[0] + 1] == [*range(16, len(edges), 16)]
    assert [*np.nonzero(right)[0] + 1] == [*range(4, len(edges), 16)]
    assert {*left, *right} == {0, 16}
    assert edges[0, 0] == 0
    assert sizes.output_size(188, 4) == 4 and next(sizes.valid_sizes(4)) == 188
    shortest = calls(evaluate, "seen", [(572, 4, r, 0) for r in range(388)])
    assert {np.ptp(spans["contract0"][0]) for spans in shortest} == {8}


def test_the_answers_about_bending_are_right(evaluate):
    script = "(() => {{ const f = interactive.figures.deformation, s = f.start(''); s.size = {}; "
    script += "return f.html(s).includes('the tile is folded'); }})()"
    assert [evaluate(script.format(size)) for size in (92, 140, 196, 284, 572)] == [
        True,
        *4 * [False],
    ]
    far = np.array(calls(evaluate, "curves", [(n, 101) for n in range(50, 101)]))[:, 0]
    assert -0.1 < far.min() < -0.09 and far.max() < 1e-12


# In a page.


def test_the_page_begins_with_the_state_that_the_script_draws():
    if not shutil.which("node"):
        pytest.skip("Node.js is not installed")
    for name, start in STARTS:
        committed = interactive.state_file(name, start).read_text("utf-8")
        assert committed == interactive.first_state(name, start), (
            "run python tutorials/website/interactive.py"
        )


def test_nothing_is_requested_from_elsewhere():
    # The scripts that run the chapters in the page load Python, see test_run_in_page.py.
    static = [*interactive.STATIC.glob("*.js"), *interactive.STATIC.glob("*.css")]
    files = [path for path in static if not path.name.startswith("run")]
    files += interactive.TEXTS.iterdir()
    assert len(files) > 15
    for path in files:
        text = path.read_text("utf-8")
        assert not re.search(r"https?:|url\(['\"]?(?!#)|@import|fetch\(|XMLHttp|import\(", text), (
            path
        )


def test_every_chapter_has_its_figure_once_and_before_the_exercises():
    for chapter in CHAPTERS:
        number, notebook = chapter[:2], cells(chapter)
        interactive.add_figure(notebook, number)
        page = "".join(source(c) for c in notebook if c["cell_type"] == "markdown")
        assert page.count('class="interactive"') == (number in interactive.FIGURES)
        if number in interactive.FIGURES:
            assert page.index('class="interactive"') < page.index("## Exercises")
            assert page.count("{figure}") == 0
    with pytest.raises(ValueError, match="chapter 01 has 0 headings '## Exercises', not one"):
        interactive.add_figure([{"cell_type": "markdown", "source": ["# Exercises"]}], "01")


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Return a browser, and a function that opens the page of a figure in it."""
    if browser.found() is None:
        pytest.skip("no browser is installed")
    pytest.importorskip("tornado")
    folder = tmp_path_factory.mktemp("pages")
    shutil.copytree(interactive.STATIC, folder / "_static")
    for chapter in interactive.FIGURES:
        html = interactive.block(chapter).split("```")[1].removeprefix("{raw} html")
        head = '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width='
        head += 'device-width"><link rel="stylesheet" href="_static/interactive.css">'
        (folder / f"{chapter}.html").write_text(head + html, "utf-8")
    one = browser.Browser(tmp_path_factory.mktemp("profile"))

    def show(chapter, width=1280, scheme="light"):
        one.open((folder / f"{chapter}.html").as_uri(), width, scheme)
        return one

    yield show
    one.close()


def press(one, key):
    """Press a key."""
    code = {"Enter": 13, " ": 32, "Tab": 9, "ArrowRight": 39, "ArrowDown": 40}[key]
    text = {"Enter": "\r", " ": " "}.get(key)
    how = {"key": key, "windowsVirtualKeyCode": code} | ({"text": text} if text else {})
    one.call("Input.dispatchKeyEvent", type="keyDown", **how)
    one.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)


def drag(one, selector, by):
    """Drag the middle of an element by so many pixels, across and down."""
    one.evaluate(f"document.querySelector({json.dumps(selector)}).scrollIntoView()")
    x, y = one.evaluate(
        f"(() => {{ const b = document.querySelector({json.dumps(selector)})"
        ".getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2]; })()"
    )
    left = {"button": "left", "buttons": 1, "clickCount": 1}
    one.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, **left)
    for part in (0.5, 1):
        to = {"x": x + part * by[0], "y": y + part * by[1]}
        one.call("Input.dispatchMouseEvent", type="mouseMoved", **to, **left)
    one.call("Input.dispatchMouseEvent", type="mouseReleased", **to, button="left")


def told(one):
    """Return the sentence below the figure."""
    return one.evaluate("document.querySelector('.told').textContent")


def focus(one, selector):
    """Move the focus to an element."""
    one.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("chapter", interactive.FIGURES)
def test_a_figure_starts_and_fits(opened, chapter, scheme, width):
    one = opened(chapter, width, scheme)
    found = one.evaluate("""(() => {
      const all = selector => [...document.querySelectorAll(".interactive " + selector)];
      return {
        live: document.querySelector(".interactive").classList.contains("live"),
        too_wide: document.documentElement.scrollWidth - innerWidth,
        text: Math.min(...all("*").filter(e => e.textContent.trim() && !e.children.length
          && e.getClientRects().length).map(e => parseFloat(getComputedStyle(e).fontSize)
          * (e.ownerSVGElement ? e.getScreenCTM().a : 1))),
        unnamed: all("button, input, [tabindex]").filter(e => !(e.textContent.trim()
          || e.getAttribute("aria-label") || e.closest("label"))).length,
      };
    })()""")
    assert found["live"] and found["too_wide"] <= 0 and found["unnamed"] == 0
    assert found["text"] > 10.9
    assert one.complaints() == []


def test_a_figure_has_the_light_colours_on_paper(opened):
    marked = "getComputedStyle(document.querySelector('.marked')).backgroundColor"
    light = opened("01").evaluate(marked)
    one = opened("01", scheme="dark")
    assert one.evaluate(marked) != light
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    one.call("Emulation.setEmulatedMedia", media="print", features=[dark])
    paper = one.evaluate(marked)
    one.call("Emulation.setEmulatedMedia", media="")
    assert paper == light


def test_the_convolution_is_stepped_with_the_keyboard(opened):
    one = opened("01")
    focus(one, "[data-do=next]")
    press(one, "Enter")
    assert told(one).startswith("Step 2 of 9")
    press(one, " ")
    assert told(one).startswith("Step 3 of 9: the window starts at row 0, column 2.")
    focus(one, "[data-name=w]")
    one.evaluate("document.activeElement.select()")
    one.call("Input.insertText", text="-3")
    x = np.array([[3, 0, 2], [2, 4, 1], [1, 2, 0]])
    y = 10 + np.sum(x * [[-3, 0, -1], [0, 2, 0], [3, 0, 0]])
    assert told(one).endswith(f"= {y}.".replace("-", "−"))


def test_what_is_typed_is_a_number_or_nothing(opened):
    for chapter, selector in (("01", "[data-name=x]"), ("02", "[data-name=dy]"), ("07", ".size")):
        one = opened(chapter)
        before = one.evaluate("document.querySelectorAll('*').length")
        focus(one, selector)
        one.evaluate("document.activeElement.removeAttribute('maxlength')")
        one.evaluate("document.activeElement.select()")
        one.call("Input.insertText", text='"><img src=x onerror=alert(1)>')
        press(one, "Enter")
        press(one, "Tab")
        one.evaluate("new Promise(done => setTimeout(done, 50))")
        shown = one.evaluate(f"document.querySelector({json.dumps(selector)}).value")
        assert re.fullmatch(r"−?\d+", shown)
        assert one.evaluate("document.querySelectorAll('*').length") == before
        assert one.complaints() == []


def test_backward_follows_the_selected_pixel(opened):
    one = opened("02")
    focus(one, "[data-name=dy][data-r='1'][data-c='1']")
    assert told(one).startswith("Step 5 of 9: y[1, 1]")
    assert one.evaluate(
        "[...document.querySelectorAll('[data-name=x].marked')].map(e => e.dataset.r + e.dataset.c)"
    ) == [f"{r}{c}" for r in (1, 2, 3) for c in (1, 2, 3)]


def test_cells_are_drawn_with_the_mouse_and_with_the_keyboard(opened):
    one = opened("06")
    one.evaluate("document.querySelector('[data-do=clear]').click()")
    drag(one, "[data-do=draw]", (0, 60))
    assert re.search(r": cell 1, w", told(one))
    one.evaluate("document.querySelector('[data-k=\"2\"]').click()")
    focus(one, "[data-do=draw]")
    for _ in range(8):
        press(one, "ArrowRight")
    press(one, " ")
    assert re.search(r": cell 2, w", told(one))
    drag(one, "[data-do=look]", (0, 0))
    assert "no second cell" not in told(one)
    assert one.complaints() == []


def test_vectors_are_moved_with_the_mouse_and_with_the_keyboard(opened):
    one = opened("09")
    one.evaluate("document.querySelector('[data-do=straight]').click()")
    assert "determinant is 1.00" in told(one)

    middle = "[data-i='1'][data-j='1']"

    def vector():
        text = one.evaluate(f"document.querySelector({json.dumps(middle)}).ariaLabel")
        return re.search(r"(−?[\d.]+) rows, (−?[\d.]+) columns", text).groups()

    focus(one, middle)
    press(one, "ArrowDown")
    assert vector() == ("1.0", "0.0")
    drag(one, middle, (30, 0))
    down, right = map(float, vector())
    assert down == pytest.approx(1, abs=0.6) and right > 8
    assert "determinant is 1.00" not in told(one)
    assert one.complaints() == []


def test_only_valid_tiles_are_accepted_and_the_nearest_offered(opened):
    one = opened("08")
    focus(one, ".size")
    one.evaluate("document.activeElement.select()")
    one.call("Input.insertText", text="512")
    press(one, "Enter")
    refusal = one.evaluate("document.querySelector('.refusal').textContent")
    assert refusal.startswith("512 is not a valid size at depth 4.")
    offered = "[...document.querySelectorAll('.refusal button')].map(b => Number(b.textContent))"
    assert tuple(one.evaluate(offered)) == sizes.nearest_valid(512, 4)
    one.evaluate("document.querySelector('.refusal button').click()")
    assert "of 324 × 324" in told(one) and sizes.output_size(508, 4) == 324
    one.evaluate("document.querySelector('[data-depth=\"1\"]').click()")
    output = sizes.output_size(68, 1)
    assert f"of {output} × {output}" in told(one) and dict(sizes.stages(68, 1))["bottom"][0] == 32
    drag(one, "[data-do=pixel]", (500, 500))  # beyond the corner
    assert told(one).startswith(f"Output pixel ({output - 1}, {output - 1})")


def test_it_makes_sense_in_print_without_scripts_and_without_motion(opened):
    visible = "getComputedStyle(document.querySelector('.controls')).display"
    one = opened("01")
    assert one.evaluate(visible) == "flex"
    one.call("Emulation.setEmulatedMedia", media="print")
    assert one.evaluate(visible) == "none"
    still = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    one.call("Emulation.setEmulatedMedia", media="", features=still)
    moving = "getComputedStyle(document.querySelector('.cell')).transitionDuration"
    assert one.evaluate(moving) == "0s"
    one.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        for chapter in interactive.FIGURES:
            one = opened(chapter)
            assert one.evaluate(visible) == "none"
            assert len(told(one)) > 60
    finally:
        one.call("Emulation.setScriptExecutionDisabled", value=False)
