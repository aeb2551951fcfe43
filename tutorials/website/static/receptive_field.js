// What an output pixel depends on, along every path through the U, and the valid tile sizes.
"use strict";

(() => {
  const { range, margin, stages, nearestValid, crop, seen } = compute;
  const DEPTHS = [1, 2, 3, 4], MOST = 2000;
  const WIDTH = 360, BAR = 122, LEFT = 34, ROW = 15, LEVEL = 3 * ROW + 15;

  const start = () => ({ depth: 4, size: 572, row: 120, column: 250, refused: null });

  const outputSize = s => s.size - 2 * margin(s.depth);
  const last = s => outputSize(s) - 1;

  // Set the size, and move the output pixel into the output.
  function resize(s, size) {
    Object.assign(s, { size, refused: null });
    Object.assign(s, { row: Math.min(s.row, last(s)), column: Math.min(s.column, last(s)) });
  }

  const name = (s, through) => (through === s.depth ? "through the bottom" : `through the skip of level ${through}`);

  // The U along one axis: every map as a bar over the input pixels that it covers.
  function drawing(s, paths) {
    const walk = stages(s.size, s.depth), unit = BAR / s.size;
    let offset = 0, parts = "";
    const bar = (stage, k, level, x, y, label) => {
      const size = walk[stage][k], pixel = 2 ** level, from = x + offset * unit;
      parts += `<rect class="bar" x="${from.toFixed(1)}" y="${y}" width="${(size * pixel * unit).toFixed(1)}" height="10"/>`;
      for (const through of [...paths.keys()].reverse()) {
        const span = paths[through][stage]?.[k];
        if (!span || (stage.startsWith("expand") && through < s.depth)) continue;
        parts += `<rect class="path${stage.startsWith("expand") ? "" : through === s.depth ? "bottom" : through}" `
          + `x="${(from + span[0] * pixel * unit).toFixed(1)}" y="${y}" `
          + `width="${Math.max(1.5, (span[1] - span[0] + 1) * pixel * unit).toFixed(1)}" height="10"/>`;
      }
      parts += `<text x="${label}" y="${y + 9}" text-anchor="${label < x ? "end" : "start"}">${size}</text>`;
    };
    const right = WIDTH - LEFT - BAR, middle = (WIDTH - BAR) / 2, y = (level, k) => level * LEVEL + k * ROW + 2;
    const arrow = (from, to) => `<path class="arrow" d="M${from}L${to}" marker-end="url(#receptive-head)"/>`;
    for (const level of range(s.depth)) {
      for (const k of range(3)) {
        bar(`contract${level}`, k, level, LEFT, y(level, k), LEFT - 5);
        offset += k < 2 ? 2 ** level : 0;
      }
      const below = level + 1 === s.depth ? middle : LEFT, above = level + 1 === s.depth ? middle : right;
      parts += arrow(`${LEFT + BAR / 2} ${y(level, 2) + 12}`, `${below + BAR / 2 - (below === middle ? 16 : 0)} ${y(level + 1, 0) - 3}`);
      parts += arrow(`${above + BAR / 2 + (above === middle ? 16 : 0)} ${y(level + 1, 0) - 3}`, `${right + BAR / 2} ${y(level, 2) + 12}`);
      const across = y(level, 2) + 5;
      parts += `<path class="skip path${level}" d="M${LEFT + BAR + 4} ${across}H${right - 4}"/>`
        + `<text x="${WIDTH / 2}" y="${across - 4}" text-anchor="middle">−${crop(walk, level)}</text>`;
    }
    for (const k of range(3)) {
      bar("bottom", k, s.depth, middle, y(s.depth, k), middle - 5);
      offset += k < 2 ? 2 ** s.depth : 0;
    }
    for (const level of range(s.depth).reverse()) {
      for (const k of range(3)) {
        bar(`expand${level}`, k, level, right, y(level, 2 - k), WIDTH - LEFT + 5);
        offset += k < 2 ? 2 ** level : 0;
      }
    }
    return `<svg viewBox="0 0 ${WIDTH} ${y(s.depth + 1, 0) - 8}" role="img" aria-label="The U: the columns of every map, and those that `
      + `the output pixel depends on"><defs><marker id="receptive-head" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="6" markerHeight="6" `
      + `orient="auto"><path class="head" d="M0 0L6 3L0 6z"/></marker></defs>${parts}</svg>`;
  }

  function html(s) {
    const levels = range(s.depth + 1), spans = pixel => levels.map(through => seen(s.size, s.depth, pixel, through));
    const rows = spans(s.row), columns = spans(s.column), output = outputSize(s), off = margin(s.depth);
    const input = paths => paths.map(path => path.contract0[0]), [down, across] = [input(rows), input(columns)];
    const path = through => `path${through === s.depth ? "bottom" : through}`, unit = s.size / 340;
    const squares = [...levels].reverse().map(through => {
      const [top, bottom] = down[through], [left, right] = across[through];
      return `<rect class="${path(through)}" x="${left}" y="${top}" width="${right - left + 1}" height="${bottom - top + 1}"/>`;
    });
    const items = levels.map(through => {
      const [top, bottom] = down[through], [left, right] = across[through];
      return `<li><i class="${path(through)}"></i><span>${name(s, through)}: rows ${top}–${bottom}, columns ${left}–${right} `
        + `(${bottom - top + 1} × ${right - left + 1})</span></li>`;
    });
    const [r, c] = [s.row + off + 0.5, s.column + off + 0.5], arm = 7 * unit;
    const cross = `M${c - arm} ${r}H${c + arm}M${c} ${r - arm}V${r + arm}`;
    const tile = `<svg viewBox="0 0 ${s.size} ${s.size}" data-do="pixel" role="img" aria-label="The tile: the squares that the output pixel depends on">`
      + `<rect class="bar" width="${s.size}" height="${s.size}"/>${squares.join("")}`
      + `<rect class="output" x="${off}" y="${off}" width="${output}" height="${output}" stroke-width="${1.5 * unit}" stroke-dasharray="${5 * unit} ${4 * unit}"/>`
      + `<path class="halo" stroke-width="${4 * unit}" d="${cross}"/><path class="line" stroke-width="${1.5 * unit}" d="${cross}"/></svg>`;

    const step = 2 ** s.depth, [below, above] = s.refused === null ? [] : nearestValid(s.refused, s.depth);
    const offer = size => `<button data-do="size" data-size="${size}">${size}</button>`;
    const smaller = nearestValid(s.size - 1, s.depth)[0];
    const depths = DEPTHS.map(depth => `<button data-do="depth" data-depth="${depth}" aria-pressed="${depth === s.depth}">${depth}</button>`);
    const refusal = s.refused === null ? ""
      : `${s.refused} is not a valid size at depth ${s.depth}. Nearest: ${below ? `${offer(below)} ` : ""}${offer(above)}`;
    const slider = (axis, value) => `<label>output ${axis} <output>${value}</output> <input type="range" data-do="slide" data-name="${axis}" `
      + `min="0" max="${last(s)}" value="${value}"></label>`;
    const controls = `<div class="controls">depth ${depths.join("")}<span class="space"></span><label>tile size <input class="size" inputmode="numeric" `
      + `data-do="type" value="${s.size}" maxlength="4" autocomplete="off"></label><button data-do="size" data-size="${smaller ?? s.size}" `
      + `aria-disabled="${smaller === null}" aria-label="next smaller size">−${step}</button><button data-do="size" `
      + `data-size="${s.size + step}" aria-label="next larger size">+${step}</button><button data-do="reset">Reset</button></div>`
      + `<div class="refusal" role="status">${refusal}</div><div class="controls">${slider("row", s.row)}${slider("column", s.column)}</div>`;
    return controls + `<div class="panels"><div class="panel u"><div class="name">every map, along its columns</div>${drawing(s, columns)}</div>`
      + `<div class="panel square"><div class="name">the tile, ${s.size} × ${s.size}</div>${tile}</div></div>`
      + `<ul class="paths">${items.join("")}</ul><p class="told" aria-live="polite">Output pixel (${s.row}, ${s.column}) of ${output} × ${output} `
      + `depends on ${down[s.depth][1] - down[s.depth][0] + 1} × ${across[s.depth][1] - across[s.depth][0] + 1} pixels of the tile. `
      + `The margin is ${off} pixels on each side: the dashed square is the output.</p>`;
  }

  function choose(s, target, event) {
    const box = target.getBoundingClientRect(), off = margin(s.depth);
    const place = part => Math.max(0, Math.min(Math.floor(part / box.width * s.size) - off, last(s)));
    Object.assign(s, { row: place(event.clientY - box.top), column: place(event.clientX - box.left) });
  }

  const on = {
    click(s, target) {
      const { do: does, depth, size } = target.dataset;
      if (does === "depth") {
        s.depth = Number(depth);
        const [below, above] = nearestValid(s.size, s.depth);
        resize(s, below ?? above);
      } else if (does === "size") resize(s, Math.min(Number(size), nearestValid(MOST, s.depth)[0]));
      else if (does === "reset") Object.assign(s, start());
      else return false;
    },
    input(s, target) {
      if (target.dataset.do === "slide") s[target.dataset.name] = Number(target.value);
      else return false;
    },
    change(s, target) {
      if (target.dataset.do !== "type") return false;
      const size = Math.min(Number(target.value), MOST);
      if (!/^\d+$/.test(target.value.trim())) return;
      if (stages(size, s.depth)) resize(s, size);
      else s.refused = size;
    },
    pointerdown(s, target, event) {
      if (target.dataset.do !== "pixel") return false;
      target.setPointerCapture(event.pointerId);
      choose(s, target, event);
    },
    pointermove(s, target, event) {
      if (target.dataset.do !== "pixel" || !event.buttons) return false;
      choose(s, target, event);
    },
  };

  interactive.figure("receptive_field", { start, html, on });
})();
