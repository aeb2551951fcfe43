// w0 and σ of equation (2), on cells that the reader draws.
"use strict";

(() => {
  const { range, table, weightMap } = compute, { show, squares } = interactive;
  const ROWS = 32, COLUMNS = 48, CELLS = 6, MOST = 12;
  const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#4c7fd9", "#e0709c"];
  const STOPS = ["440154", "3b528b", "21918c", "5ec962", "fde725"];  // of the colour map viridis
  const LEVELS = 2 * MOST;  // steps of 0.5

  const colours = range(LEVELS).map(level => {
    const place = level / (LEVELS - 1) * (STOPS.length - 1), k = Math.min(Math.floor(place), STOPS.length - 2);
    const [low, high] = [STOPS[k], STOPS[k + 1]].map(stop => range(3).map(i => parseInt(stop.slice(2 * i, 2 * i + 2), 16)));
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
    const { map } = s, [r, c] = s.at;
    const slider = (name, label, value, most) =>
      `<label>${label} = <output>${show(value, 1)}</output> <input type="range" data-do="slide" data-name="${name}" `
      + `min="${name === "w0" ? 0 : 0.5}" max="${most}" step="0.5" value="${value}"></label>`;
    const brush = k => `<button data-do="brush" data-k="${k}" aria-pressed="${k === s.brush}">`
      + (k ? `<i style="background: ${COLOURS[k - 1]}"></i>cell ${k}` : "eraser") + `</button>`;
    const controls = `<div class="controls">${range(CELLS).map(k => brush(k + 1)).join("")}${brush(0)}`
      + `<span class="space"></span><button data-do="clear">Clear</button><button data-do="reset">Reset</button></div>`
      + `<div class="controls">${slider("w0", "w₀", s.w0, MOST)}${slider("sigma", "σ", s.sigma, 15)}</div>`;

    const cells = range(CELLS).map(k => {
      const where = keep => map.separated.map((row, i) => row.map((own, j) => keep(own, s.cells[i][j])));
      return squares(where(own => own === k + 1), COLOURS[k])
        + `<g opacity=".45">${squares(where((own, drawn) => own === 0 && drawn === k + 1), COLOURS[k])}</g>`;
    });
    const names = range(CELLS).map(k => {
      const own = map.separated.flatMap((row, i) => row.flatMap((cell, j) => (cell === k + 1 ? [[i, j]] : [])));
      const [y, x] = [0, 1].map(axis => own.reduce((all, place) => all + place[axis] + 0.5, 0) / own.length);
      return own.length ? `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}">${k + 1}</text>` : "";
    });
    const level = map.weights.map(row => row.map(w => Math.min(Math.floor(w * LEVELS / MOST), LEVELS - 1)));
    const weights = colours.map((colour, n) => squares(level.map(row => row.map(own => own === n)), colour));
    const background = map.separated[r][c] === 0;
    const known = background ? map.nearest[r][c].filter(([distance]) => distance < Infinity) : [];
    const lines = known.map(([, i, j]) => `M${c + 0.5} ${r + 0.5}L${j + 0.5} ${i + 0.5}`).join("");
    const cursor = `<path class="halo" d="${lines}"/><path class="line" d="${lines}"/>`
      + `<rect class="halo" x="${c}" y="${r}" width="1" height="1"/><rect class="line" x="${c}" y="${r}" width="1" height="1"/>`;
    const panel = (title, inside, over, role) => `<div class="panel map"><div class="name">${title}</div>`
      + `<svg viewBox="0 0 ${COLUMNS} ${ROWS}" ${role}><g shape-rendering="crispEdges">${inside}</g>${over}${cursor}</svg></div>`;
    const help = "arrow keys move the cursor, the space bar draws";
    return controls + `<div class="panels">`
      + panel("cells: draw here", cells.join(""), names.join(""), `class="drawn" data-do="draw" tabindex="0" role="application" aria-label="Cells: ${help}"`)
      + panel("weight map w", weights.join(""), "", `data-do="look" role="img" aria-label="The weight map: bright in narrow gaps between cells"`)
      + `</div><div class="scale"><i style="background: linear-gradient(90deg, ${STOPS.map(stop => `#${stop}`)})"></i>`
      + `<div>${[0, 3, 6, 9].map(n => `<span>${n}</span>`).join("")}<span>${MOST} or more</span></div></div>`
      + `<p class="told" aria-live="polite">${told()}</p>`;

    function told() {
      const w_c = map.classes[background ? 0 : 1], where = `Row ${r}, column ${c}: `;
      if (!background) return `${where}cell ${map.separated[r][c]}, w = w<sub>c</sub> = ${show(w_c, 2)}.`;
      const kind = s.cells[r][c] > 0 ? "background, taken from a cell that touches another" : "background";
      const distances = known.map(([d, i, j], n) =>
        `d${"₁₂"[n]} = ${show(d, 2)} to cell ${map.separated[i][j]}`).join(", ");
      return `${where}${kind}; ${distances || "no cell"}${known.length === 1 ? ", no second cell" : ""}; `
        + `w = ${show(w_c, 2)} + ${show(map.border[r][c], 2)} = ${show(map.weights[r][c], 2)}.`;
    }
  }

  // Draw a small disc around the cursor.
  function paint(s) {
    const [row, column] = s.at;
    for (const [r, line] of s.cells.entries())
      for (const c of line.keys()) if ((r - row) ** 2 + (c - column) ** 2 <= 4) line[c] = s.brush;
    computed(s);
  }

  function follow(s, target, event) {
    const box = target.getBoundingClientRect();
    const place = (part, whole, count) => Math.max(0, Math.min(Math.floor(part / whole * count), count - 1));
    const [r, c] = [place(event.clientY - box.top, box.height, ROWS), place(event.clientX - box.left, box.width, COLUMNS)];
    const moved = r !== s.at[0] || c !== s.at[1];
    s.at = [r, c];
    return moved;
  }

  const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

  const on = {
    click(s, target) {
      const { do: does, k } = target.dataset;
      if (does === "brush") s.brush = Number(k);
      else if (does === "clear") computed(Object.assign(s, { cells: table(ROWS, COLUMNS, () => 0) }));
      else if (does === "reset") Object.assign(s, start());
      else return false;
    },
    input(s, target) {
      s[target.dataset.name] = Number(target.value);
      computed(s);
    },
    pointerdown(s, target, event) {
      if (!["draw", "look"].includes(target.dataset.do)) return false;
      follow(s, target, event);
      if (target.dataset.do === "look") return;
      target.setPointerCapture(event.pointerId);
      s.drawing = true;
      paint(s);
    },
    pointermove(s, target, event) {
      if (!["draw", "look"].includes(target.dataset.do) || !follow(s, target, event)) return false;
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
      s.at = [Math.max(0, Math.min(s.at[0] + down, ROWS - 1)), Math.max(0, Math.min(s.at[1] + right, COLUMNS - 1))];
      if (event.key === " ") paint(s);
    },
  };

  interactive.figure("border_weights", { start, html, on });
})();
