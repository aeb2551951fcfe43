// A tile bent by random displacement vectors at 3x3 grid points.
"use strict";

(() => {
  const { range, table, displacement, determinant } = compute;
  const { MOVES, button, clamp, controls, panel, panels, place, show } = interactive;
  const { slider, space, squares, tag, told } = interactive;
  const SIZES = [92, 140, 196, 284, 572];
  const PAD = 36;       // pixels of the image around the tile
  const SHADES = 7;
  const SHOWN = 120;    // points along each axis at which a picture is drawn
  const LINES = 9, POINTS = 33;
  const FIRST = 39;     // seed of the first vectors, which fold a tile of 92 pixels but not one of 140
  const SPACING = 40;   // mean distance of the synthetic cells, in pixels

  // A number in [0, 1) from two integers: the same in every browser.
  function hash(a, b) {
    let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
    h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
    return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32;
  }

  // A normal random number.
  const normal = (seed, n) =>
    Math.sqrt(-2 * Math.log(1 - hash(seed, 2 * n))) * Math.cos(2 * Math.PI * hash(seed, 2 * n + 1));

  const draw = seed => range(2).map(k => table(3, 3, (i, j) => normal(seed, 9 * k + 3 * i + j)));

  // The synthetic image at any position: straight dark membranes between light cells, each with a dark spot.
  function image(r, c) {
    const row = Math.floor(r / SPACING), column = Math.floor(c / SPACING);
    let first = Infinity, second = Infinity, spot = 0;
    for (let i = row - 1; i <= row + 1; i++) {
      for (let j = column - 1; j <= column + 1; j++) {
        const at = [SPACING * (i + 0.15 + 0.7 * hash(i, 2 * j)), SPACING * (j + 0.15 + 0.7 * hash(i, 2 * j + 1))];
        const distance = Math.hypot(r - at[0], c - at[1]);
        if (distance < first) [first, second] = [distance, first];
        else second = Math.min(second, distance);
        spot = Math.max(spot, 1 - distance / 7);
      }
    }
    const membrane = Math.min(1, (second - first) / 7);
    return (0.12 + 0.8 * membrane) * (1 - 0.55 * Math.min(1, 4 * spot));
  }

  const vectors = s => s.drawn.map(part => part.map(row => row.map(number => s.sigma * number)));

  const start = () => ({ size: 196, sigma: 10, seed: FIRST, drawn: draw(FIRST) });

  // A picture of SHOWN x SHOWN squares; `source` maps a position in the tile to one in the image.
  function picture(from, to, source) {
    const step = (to - from) / SHOWN, at = k => from + (k + 0.5) * step;
    const shades = table(SHOWN, SHOWN, (i, j) =>
      Math.min(SHADES - 1, Math.floor(SHADES * image(...source(at(i), at(j))))));
    const paths = range(SHADES).map(n =>
      squares(shades.map(row => row.map(shade => shade === n)), `hsl(0 0% ${Math.round(100 * (n + 0.5) / SHADES)}%)`));
    return tag("g", { "shape-rendering": "crispEdges", transform: `translate(${from} ${from}) scale(${step})` }, paths);
  }

  const round = number => number.toFixed(1);
  const line = points => `M${points.map(([r, c]) => `${round(c)} ${round(r)}`).join("L")}`;

  // The lines of a net over the tile, each point moved by `source`.
  function net(s, unit, source) {
    const at = count => range(count).map(k => k * (s.size - 1) / (count - 1)), along = at(POINTS);
    const lines = at(LINES).map(k => line(along.map(p => source(k, p))) + line(along.map(p => source(p, k))));
    return tag("path", { class: "net", "stroke-width": round(1.2 * unit), d: lines.join("") });
  }

  // The vector of a grid point, with a handle at its end.
  function arrow(s, unit, i, j) {
    const r = i * (s.size - 1) / 2, c = j * (s.size - 1) / 2, [down, right] = vectors(s).map(part => part[i][j]);
    const circle = (radius, y, x, attributes) =>
      tag("circle", { r: round(radius * unit), cy: round(y), cx: round(x), ...attributes });
    const d = line([[r, c], [r + down, c + right]]);
    return tag("path", { class: "arrow", "stroke-width": round(2.5 * unit), d })
      + circle(3, r, c, { class: "point" })
      + circle(8, r + down, c + right, {
        class: "handle", "stroke-width": round(1.5 * unit), "data-do": "drag", "data-i": i, "data-j": j,
        tabindex: 0, role: "button", "aria-label": `Vector of grid point ${i}, ${j}: ${show(down, 1)} rows, `
          + `${show(right, 1)} columns; arrow keys move it`,
      });
  }

  function html(s) {
    const v = vectors(s), end = s.size - 1, unit = (s.size + 2 * PAD) / 340;  // about one pixel of the screen
    const straight = (r, c) => [r, c];
    const source = (r, c) => displacement(v, r, c, s.size).map((u, k) => u + [r, c][k]);
    const step = end / (POINTS - 1);
    const slopes = table(POINTS, POINTS, (i, j) => determinant(v, i * step, j * step, s.size));
    const least = Math.min(...slopes.flat());
    const folded = tag("g", { class: "folded", transform: `translate(${-step / 2} ${-step / 2}) scale(${step})` },
      squares(slopes.map(row => row.map(value => value <= 0)), "#e0231a"));

    const arrows = range(9).map(k => arrow(s, unit, Math.floor(k / 3), k % 3));
    const square = (from, to, attributes, ...inside) =>
      tag("svg", { viewBox: `${from} ${from} ${to - from} ${to - from}`, ...attributes }, ...inside);
    const left = square(-PAD, end + PAD, {}, picture(-PAD, end + PAD, straight), net(s, unit, source), arrows);
    const right = square(0, end, { role: "img", "aria-label": "The tile: a straight net over a bent image" },
      picture(0, end, source), net(s, unit, straight), folded);
    const sizes = SIZES.map(size => button("size", size, { "data-size": size, "aria-pressed": size === s.size }));
    const deeds = [button("draw", "New random vectors"), button("straight", "Set all to 0"), button("reset", "Reset")];
    return controls(slider("sigma", "σ =", s.sigma, " pixels", [1, 25, 1]), space, ...deeds)
      + controls("Side of the tile, in pixels: ", ...sizes)
      + panels(panel("square", "image, and where the tile reads", left), panel("square", "tile", right))
      + told(`Tile of ${s.size} × ${s.size} pixels, σ = ${show(s.sigma)}: the smallest determinant is `
        + `${show(least, 2)}, so the tile is ${least > 0 ? "not folded" : "folded where it is red"}.`);
  }

  function move(s, i, j, down, right) {
    [down, right].forEach((number, k) => {
      s.drawn[k][i][j] = clamp(number, -1.5 * PAD, 1.5 * PAD) / s.sigma;
    });
  }

  const on = {
    click(s, target) {
      const does = target.dataset.do;
      if (does === "draw") Object.assign(s, { seed: s.seed + 1, drawn: draw(s.seed + 1) });
      else if (does === "straight") s.drawn = s.drawn.map(part => part.map(row => row.map(() => 0)));
      else if (does === "reset") Object.assign(s, start());
      else if (does === "size") s.size = Number(target.dataset.size);
      else return false;
    },
    input(s, target) {
      s.sigma = Number(target.value);
    },
    pointerdown(s, target, event) {
      if (target.dataset.do === "drag") target.setPointerCapture(event.pointerId);
      return false;
    },
    pointermove(s, target, event) {
      if (!target.hasPointerCapture(event.pointerId)) return false;
      const { i, j } = target.dataset, [r, c] = place(target.ownerSVGElement, event), half = (s.size - 1) / 2;
      move(s, i, j, r - i * half, c - j * half);
    },
    keydown(s, target, event) {
      if (target.dataset.do !== "drag" || !(event.key in MOVES)) return false;
      event.preventDefault();
      const { i, j } = target.dataset, [down, right] = vectors(s).map(part => part[i][j]);
      move(s, i, j, down + MOVES[event.key][0], right + MOVES[event.key][1]);
    },
  };

  interactive.figure("deformation", { start, html, on });
})();
