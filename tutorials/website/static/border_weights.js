// w0 and σ of equation (2), on cells that the reader draws.
"use strict";

(() => {
  const { range, table, weightMap } = compute;
  const { MOVES, button, clamp, controls, panel, panels, place, show } = interactive;
  const { slider, space, squares, tag, told } = interactive;
  const ROWS = 32, COLUMNS = 48, CELLS = 6, MOST = 12;
  const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#4c7fd9", "#e0709c"];
  const STOPS = ["440154", "3b528b", "21918c", "5ec962", "fde725"];  // of the colour map viridis
  const LEVELS = 2 * MOST;  // steps of 0.5

  const colours = range(LEVELS).map(level => {
    const place = level / (LEVELS - 1) * (STOPS.length - 1), k = Math.min(Math.floor(place), STOPS.length - 2);
    const parts = stop => [0, 2, 4].map(i => parseInt(stop.slice(i, i + 2), 16));
    const low = parts(STOPS[k]), high = parts(STOPS[k + 1]);
    return `rgb(${low.map((value, i) => Math.round(value + (place - k) * (high[i] - value)))})`;
  });

  function discs() {
    const all = [[10, 10, 7.4], [11, 24, 7.3], [24, 17, 6.4], [22, 37, 8.2]];
    return table(ROWS, COLUMNS, (r, c) => {
      const depths = all.map(([row, column, radius]) => radius - Math.hypot(r - row, c - column));
      const deepest = Math.max(...depths);
      return deepest > 0 ? depths.indexOf(deepest) + 1 : 0;
    });
  }

  const computed = s => Object.assign(s, { map: weightMap(s.cells, s.w0, s.sigma) });
  const start = () => computed({ cells: discs(), w0: 10, sigma: 5, brush: 1, at: [10, 17], drawing: false });

  function html(s) {
    const { map } = s;
    const brushes = [...range(CELLS).map(k => k + 1), 0].map(k => {
      const name = k ? `${tag("i", { style: `background: ${COLOURS[k - 1]}` })}cell ${k}` : "eraser";
      return button("brush", name, { "data-k": k, "aria-pressed": k === s.brush });
    });
    const level = map.weights.map(row => row.map(w => Math.min(Math.floor(w * LEVELS / MOST), LEVELS - 1)));
    const weights = colours.map((colour, n) => squares(level.map(row => row.map(own => own === n)), colour));
    const cursor = pointer(s);
    const picture = (attributes, pixels, over = "") => tag("svg", { viewBox: `0 0 ${COLUMNS} ${ROWS}`, ...attributes },
      tag("g", { "shape-rendering": "crispEdges" }, pixels), over, cursor);
    const drawn = {
      class: "drawn", "data-do": "draw", tabindex: 0, role: "application",
      "aria-label": "Cells: arrow keys move the cursor, the space bar draws",
    };
    const seen = {
      "data-do": "look", role: "img", "aria-label": "The weight map: bright in narrow gaps between cells",
    };
    const numbers = [0, 3, 6, 9, `${MOST} or more`].map(n => tag("span", {}, n));
    return controls(...brushes, space, button("clear", "Clear"), button("reset", "Reset"))
      + controls(
        slider("w0", "w₀ =", s.w0, "", [0, MOST, 0.5], 1),
        slider("sigma", "σ =", s.sigma, " pixels", [0.5, 15, 0.5], 1),
      )
      + panels(
        panel("map", "cells: draw here", picture(drawn, cellsOf(s), numbersOf(map.separated))),
        panel("map", "weight map w", picture(seen, weights)),
      )
      + tag("div", { class: "scale" },
        tag("i", { style: `background: linear-gradient(90deg, ${STOPS.map(stop => `#${stop}`)})` }),
        tag("div", {}, numbers))
      + told(sentence(s));
  }

  // The cells; pixels that `separate` takes from them are paler.
  function cellsOf({ cells, map }) {
    return COLOURS.map((colour, k) => {
      const where = keep => map.separated.map((row, r) => row.map((own, c) => keep(own, cells[r][c])));
      return squares(where(own => own === k + 1), colour)
        + tag("g", { opacity: 0.45 }, squares(where((own, drawn) => own === 0 && drawn === k + 1), colour));
    });
  }

  // The number of every cell, in its centre.
  function numbersOf(separated) {
    return range(CELLS).map(k => {
      const own = separated.flatMap((row, r) => row.flatMap((cell, c) => (cell === k + 1 ? [[r, c]] : [])));
      const [y, x] = [0, 1].map(axis => own.reduce((sum, pixel) => sum + pixel[axis] + 0.5, 0) / own.length);
      return own.length ? tag("text", { x: x.toFixed(1), y: y.toFixed(1) }, k + 1) : "";
    });
  }

  // The nearest two cells of the pixel at the cursor, if it is background.
  const nearest = ({ map, at: [r, c] }) =>
    (map.separated[r][c] === 0 ? map.nearest[r][c].filter(([distance]) => distance < Infinity) : []);

  // The cursor, and lines to the nearest two cells.
  function pointer(s) {
    const [r, c] = s.at, lines = nearest(s).map(([, i, j]) => `M${c + 0.5} ${r + 0.5}L${j + 0.5} ${i + 0.5}`);
    const d = `${lines.join("")}M${c} ${r}h1v1h-1z`;
    return tag("path", { class: "halo", d }) + tag("path", { class: "line", d });
  }

  function sentence(s) {
    const { map, at: [r, c] } = s, cell = map.separated[r][c], w_c = map.classes[cell > 0 ? 1 : 0];
    const where = `Row ${r}, column ${c}: `;
    if (cell > 0) return `${where}cell ${cell}, w = w<sub>c</sub> = ${show(w_c, 2)}.`;
    const kind = s.cells[r][c] > 0 ? "background, taken from a cell that touches another" : "background";
    const distances = nearest(s).map(([d, i, j], n) =>
      `d${"₁₂"[n]} = ${show(d, 2)} to cell ${map.separated[i][j]}`);
    const known = ["no cell", `${distances[0]}, no second cell`, distances.join(", ")][distances.length];
    const [term, w] = [map.border, map.weights].map(values => show(values[r][c], 2));
    return `${where}${kind}; ${known}; w = ${show(w_c, 2)} + ${term} = ${w}.`;
  }

  // Draw a small disc around the cursor.
  function paint(s) {
    const [row, column] = s.at;
    for (const [r, line] of s.cells.entries())
      for (const c of line.keys()) if ((r - row) ** 2 + (c - column) ** 2 <= 4) line[c] = s.brush;
    computed(s);
  }

  // Move the cursor; return whether it has left its pixel.
  function move(s, r, c) {
    const old = s.at;
    s.at = [clamp(Math.floor(r), 0, ROWS - 1), clamp(Math.floor(c), 0, COLUMNS - 1)];
    return s.at[0] !== old[0] || s.at[1] !== old[1];
  }

  const on = {
    click(s, target) {
      const { do: does, k } = target.dataset;
      if (does === "brush") s.brush = Number(k);
      else if (does === "clear") computed(Object.assign(s, { cells: table(ROWS, COLUMNS, () => 0) }));
      else if (does === "reset") Object.assign(s, start());
      else return false;
    },
    input(s, target) {
      s[target.dataset.do] = Number(target.value);
      computed(s);
    },
    pointerdown(s, target, event) {
      if (!["draw", "look"].includes(target.dataset.do)) return false;
      move(s, ...place(target, event));
      if (target.dataset.do === "look") return;
      target.setPointerCapture(event.pointerId);
      s.drawing = true;
      paint(s);
    },
    pointermove(s, target, event) {
      if (!["draw", "look"].includes(target.dataset.do) || !move(s, ...place(target, event))) return false;
      if (s.drawing) paint(s);
    },
    pointerup(s) {
      s.drawing = false;
      return false;
    },
    pointercancel(s) {
      s.drawing = false;
      return false;
    },
    keydown(s, target, event) {
      if (target.dataset.do !== "draw" || !(event.key in MOVES || event.key === " ")) return false;
      event.preventDefault();
      const [down, right] = MOVES[event.key] ?? [0, 0];
      move(s, s.at[0] + down, s.at[1] + right);
      if (event.key === " ") paint(s);
    },
  };

  interactive.figure("border_weights", { start, html, on });
})();
