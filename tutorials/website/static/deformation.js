// A tile bent by random displacement vectors at 3x3 grid points.
"use strict";

(() => {
  const { range, table, displacement, determinant } = compute, { show, squares } = interactive;
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

  const start = () => ({ size: 196, sigma: 10, seed: FIRST, drawn: draw(FIRST), held: null });

  // Pictures of SHOWN x SHOWN squares; `source` maps a position in the tile to one in the image.
  function picture(from, to, source) {
    const step = (to - from) / SHOWN;
    const shades = table(SHOWN, SHOWN, (i, j) =>
      Math.min(SHADES - 1, Math.floor(SHADES * image(...source(from + (i + 0.5) * step, from + (j + 0.5) * step)))));
    const paths = range(SHADES).map(n =>
      squares(shades.map(row => row.map(shade => shade === n)), `hsl(0 0% ${Math.round(100 * (n + 0.5) / SHADES)}%)`));
    return `<g shape-rendering="crispEdges" transform="translate(${from} ${from}) scale(${step})">${paths.join("")}</g>`;
  }

  function html(s) {
    const v = vectors(s), end = s.size - 1, places = range(POINTS).map(k => k * end / (POINTS - 1));
    const lines = range(LINES).map(k => k * end / (LINES - 1));
    const source = (r, c) => displacement(v, r, c, s.size).map((u, k) => u + [r, c][k]);
    const round = number => number.toFixed(1);
    const line = points => `M${points.map(([r, c]) => `${round(c)} ${round(r)}`).join("L")}`;
    const net = to => lines.map(k => line(places.map(p => to(k, p))) + line(places.map(p => to(p, k)))).join("");
    const least = { value: Infinity };
    const folded = table(POINTS, POINTS, (i, j) => {
      const value = determinant(v, places[i], places[j], s.size);
      if (value < least.value) Object.assign(least, { value });
      return value <= 0;
    });

    const unit = (s.size + 2 * PAD) / 340;  // about one pixel of the screen
    const handles = range(9).map(k => {
      const [i, j] = [Math.floor(k / 3), k % 3], [r, c] = [i * end / 2, j * end / 2];
      const [down, right] = [v[0][i][j], v[1][i][j]];
      return `<path class="arrow" stroke-width="${round(2.5 * unit)}" d="M${round(c)} ${round(r)}L${round(c + right)} ${round(r + down)}"/>`
        + `<circle class="point" r="${round(3 * unit)}" cx="${round(c)}" cy="${round(r)}"/>`
        + `<circle class="handle" r="${round(8 * unit)}" stroke-width="${round(1.5 * unit)}" cx="${round(c + right)}" cy="${round(r + down)}" `
        + `data-do="drag" data-k="${k}" tabindex="0" role="button" aria-label="Vector of grid point ${i}, ${j}: `
        + `${show(down, 1)} rows, ${show(right, 1)} columns; arrow keys move it"/>`;
    });
    const scale = end / (POINTS - 1);
    const red = `<g class="folded" transform="translate(${-scale / 2} ${-scale / 2}) scale(${scale})">${squares(folded, "#e0231a")}</g>`;
    const panel = (title, from, side, inside, role) => `<div class="panel square"><div class="name">${title}</div>`
      + `<svg viewBox="${from} ${from} ${side} ${side}" ${role}>${inside}</svg></div>`;
    const thin = `stroke-width="${round(1.2 * unit)}"`;
    const left = picture(-PAD, end + PAD, (r, c) => [r, c]) + `<path class="net" ${thin} d="${net(source)}"/>${handles.join("")}`;
    const right = picture(0, end, source) + `<path class="net" ${thin} d="${net((r, c) => [r, c])}"/>${red}`;

    const sizes = SIZES.map(size => `<button data-do="size" data-size="${size}" aria-pressed="${size === s.size}">${size}</button>`);
    return `<div class="controls"><label>σ = <output>${show(s.sigma)}</output> pixels <input type="range" data-do="sigma" min="1" `
      + `max="25" step="1" value="${s.sigma}"></label><span class="space"></span><button data-do="draw">New random vectors</button>`
      + `<button data-do="straight">Set all to 0</button><button data-do="reset">Reset</button></div>`
      + `<div class="controls">Side of the tile, in pixels: ${sizes.join("")}</div><div class="panels">`
      + panel("image, and where the tile reads", -PAD, s.size - 1 + 2 * PAD, left, `class="bent" data-do="image"`)
      + panel("tile", 0, end, right, `role="img" aria-label="The tile: a straight net over a bent image"`)
      + `</div><p class="told" aria-live="polite">Tile of ${s.size} × ${s.size} pixels, σ = ${show(s.sigma)}: the smallest determinant `
      + `is ${show(least.value, 2)}, so ${least.value > 0 ? "the tile is not folded" : "the tile is folded where it is red"}.</p>`;
  }

  function hold(s, target, event) {
    const svg = target.closest("svg"), [x, y, width] = svg.getAttribute("viewBox").split(" ").map(Number);
    const box = svg.getBoundingClientRect(), i = Math.floor(s.held / 3), j = s.held % 3;
    const at = [y + (event.clientY - box.top) * width / box.width, x + (event.clientX - box.left) * width / box.width];
    move(s, i, j, at[0] - i * (s.size - 1) / 2, at[1] - j * (s.size - 1) / 2);
  }

  function move(s, i, j, down, right) {
    const inside = number => Math.max(-1.5 * PAD, Math.min(number, 1.5 * PAD)) / s.sigma;
    s.drawn[0][i][j] = inside(down);
    s.drawn[1][i][j] = inside(right);
  }

  const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

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
      if (target.dataset.do !== "drag") return false;
      s.held = Number(target.dataset.k);
      target.setPointerCapture(event.pointerId);
      return false;
    },
    pointermove(s, target, event) {
      if (s.held === null || target.dataset.do !== "drag") return false;
      hold(s, target, event);
    },
    pointerup(s) {
      s.held = null;
      return false;
    },
    pointercancel(s) {
      s.held = null;
      return false;
    },
    keydown(s, target, event) {
      if (target.dataset.do !== "drag" || !(event.key in MOVES)) return false;
      event.preventDefault();
      const k = Number(target.dataset.k), i = Math.floor(k / 3), j = k % 3, v = vectors(s);
      move(s, i, j, v[0][i][j] + MOVES[event.key][0], v[1][i][j] + MOVES[event.key][1]);
    },
  };

  interactive.figure("deformation", { start, html, on });
})();
