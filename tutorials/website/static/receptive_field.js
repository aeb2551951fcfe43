// What an output pixel depends on, along every path through the U, and the valid tile sizes.
"use strict";

(() => {
  const { range, margin, stages, nearestValid, crop, seen } = compute;
  const { button, clamp, controls, panel, panels, place, slider, space, tag, told } = interactive;
  const DEPTHS = [1, 2, 3, 4], MOST = 9999;
  const WIDTH = 360, BAR = 122, LEFT = 34, ROW = 15, LEVEL = 3 * ROW + 15, HIGH = 10;

  const start = () => ({ depth: 4, size: 572, row: 120, column: 250, refused: null });

  const outputSize = s => s.size - 2 * margin(s.depth);
  const last = s => outputSize(s) - 1;

  // Set the size, and move the output pixel into the output.
  function resize(s, size) {
    Object.assign(s, { size, refused: null });
    Object.assign(s, { row: Math.min(s.row, last(s)), column: Math.min(s.column, last(s)) });
  }

  // Another depth, with 32 pixels at the bottom as in Figure 1. The output pixel stays in its part of the output.
  function deepen(s, depth) {
    const { row, column } = s, old = outputSize(s);
    resize(Object.assign(s, { depth }), 36 * 2 ** depth - 4);
    const scaled = at => Math.floor(at / old * outputSize(s));
    Object.assign(s, { row: scaled(row), column: scaled(column) });
  }

  const path = (s, through) => `path${through === s.depth ? "bottom" : through}`;

  const HEAD = tag("defs", {}, tag("marker", {
    id: "receptive-head", viewBox: "0 0 6 6", refX: 5, refY: 3, markerWidth: 6, markerHeight: 6, orient: "auto",
  }, tag("path", { class: "head", d: "M0 0L6 3L0 6z" })));

  // The U along one axis: every map as a bar over the input pixels that it covers.
  function u(s, spans) {
    const walk = stages(s.size, s.depth), unit = BAR / s.size, levels = range(s.depth);
    const right = WIDTH - LEFT - BAR, middle = (WIDTH - BAR) / 2, y = (level, k) => level * LEVEL + k * ROW + 2;
    let offset = 0;  // of the first pixel of a map, in pixels of the tile

    // A map: what is seen of it on the way back from the output, and its size to the left or to the right.
    function map(stage, k, level, x, label) {
      const size = walk[stage][k], pixel = 2 ** level, up = stage.startsWith("expand");
      const top = y(level, up ? 2 - k : k), from = x + offset * unit;
      const bar = (kind, first, count) => tag("rect", {
        class: kind, x: (from + first * pixel * unit).toFixed(1), y: top,
        width: Math.max(1.5, count * pixel * unit).toFixed(1), height: HIGH,
      });
      const through = up ? [s.depth] : [...levels, s.depth].reverse();  // expanding is the same for all paths
      const seen = through.filter(t => spans[t][stage]).map(t => {
        const [first, last] = spans[t][stage][k];
        return bar(up ? "path" : path(s, t), first, last - first + 1);
      });
      offset += k < 2 ? pixel : 0;
      return bar("bar", 0, size) + seen.join("")
        + tag("text", { x: label, y: top + 9, "text-anchor": label < x ? "end" : "start" }, size);
    }

    const stage = (name, level, x, label) => range(3).map(k => map(name, k, level, x, label));
    const bars = [
      levels.map(level => stage(`contract${level}`, level, LEFT, LEFT - 5)),
      stage("bottom", s.depth, middle, middle - 5),
      [...levels].reverse().map(level => stage(`expand${level}`, level, right, WIDTH - LEFT + 5)),
    ].flat(3);

    const arrow = (from, to) =>
      tag("path", { class: "arrow", d: `M${from}L${to}`, "marker-end": "url(#receptive-head)" });
    const arrows = levels.map(level => {
      const last = level + 1 === s.depth, half = BAR / 2, low = y(level, 2) + HIGH + 2, high = y(level + 1, 0) - 3;
      const across = y(level, 2) + HIGH / 2;
      return arrow(`${LEFT + half} ${low}`, `${last ? middle + half - 16 : LEFT + half} ${high}`)
        + arrow(`${last ? middle + half + 16 : right + half} ${high}`, `${right + half} ${low}`)
        + tag("path", { class: `skip path${level}`, d: `M${LEFT + BAR + 4} ${across}H${right - 4}` })
        + tag("text", { x: WIDTH / 2, y: across - 4, "text-anchor": "middle" }, `−${crop(walk, level)}`);
    });
    return tag("svg", {
      viewBox: `0 0 ${WIDTH} ${y(s.depth + 1, 0) - 8}`, role: "img",
      "aria-label": "The U: the columns of every map, and those that the output pixel depends on",
    }, HEAD, bars, arrows);
  }

  // The tile from above: one square for each path, the output, and a cross at the output pixel.
  function tile(s, rows, columns) {
    const output = outputSize(s), off = margin(s.depth), unit = s.size / 340;
    const square = (kind, [top, bottom], [left, right], attributes = {}) =>
      tag("rect", { class: kind, x: left, y: top, width: right - left + 1, height: bottom - top + 1, ...attributes });
    const whole = [0, s.size - 1], inner = [off, off + output - 1];
    const [r, c, arm] = [s.row + off + 0.5, s.column + off + 0.5, 5 * unit];
    const d = `M${c - arm} ${r}H${c + arm}M${c} ${r - arm}V${r + arm}`;
    return tag("svg", {
      viewBox: `0 0 ${s.size} ${s.size}`, "data-do": "pixel", role: "img",
      "aria-label": "The tile: the squares that the output pixel depends on",
    },
    square("bar", whole, whole),
    rows.map((span, through) => square(path(s, through), span, columns[through])).reverse(),
    square("output", inner, inner, { "stroke-width": 1.5 * unit, "stroke-dasharray": `${5 * unit} ${4 * unit}` }),
    tag("path", { class: "halo", "stroke-width": 3 * unit, d }),
    tag("path", { class: "line", "stroke-width": 1.2 * unit, d }));
  }

  function choice(s) {
    const step = 2 ** s.depth, smaller = nearestValid(s.size - 1, s.depth)[0];
    const size = (text, value, attributes) => button("size", text, { "data-size": value, ...attributes });
    const depths = DEPTHS.map(depth =>
      button("depth", depth, { "data-depth": depth, "aria-pressed": depth === s.depth }));
    const typed = tag("input", {
      class: "size", inputmode: "numeric", "data-do": "type", value: s.size, maxlength: 4, autocomplete: "off",
    });
    const refusal = s.refused === null ? "" : `${s.refused} is not a valid size at depth ${s.depth}. Nearest: `
      + nearestValid(s.refused, s.depth).filter(valid => valid !== null).map(valid => size(valid, valid)).join(" ");
    return controls("depth ", ...depths, space, tag("label", {}, "tile size ", typed),
      size(`−${step}`, smaller ?? s.size, { "aria-label": "next smaller size", "aria-disabled": smaller === null }),
      size(`+${step}`, s.size + step, { "aria-label": "next larger size" }), button("reset", "Reset"))
      + tag("div", { class: "refusal", role: "status" }, refusal)
      + controls(...["row", "column"].map(axis => slider(axis, `output ${axis}`, s[axis], "", [0, last(s), 1])));
  }

  function html(s) {
    const [down, across] = [s.row, s.column].map(pixel =>
      range(s.depth + 1).map(through => seen(s.size, s.depth, pixel, through)));
    const [rows, columns] = [down, across].map(paths => paths.map(spans => spans.contract0[0]));
    const extent = through => [rows, columns].map(paths => paths[through][1] - paths[through][0] + 1).join(" × ");
    const items = rows.map(([top, bottom], through) => {
      const name = through === s.depth ? "the bottom" : `the skip of level ${through}`;
      const [left, right] = columns[through];
      return tag("li", {}, tag("i", { class: path(s, through) }),
        tag("span", {}, `through ${name}: rows ${top}–${bottom}, columns ${left}–${right} (${extent(through)})`));
    });
    const output = outputSize(s);
    return choice(s)
      + panels(panel("u", "every map, along its columns", u(s, across)),
        panel("square", `the tile, ${s.size} × ${s.size}`, tile(s, rows, columns)))
      + tag("ul", { class: "paths" }, items)
      + told(`Output pixel (${s.row}, ${s.column}) of ${output} × ${output} depends on ${extent(s.depth)} pixels of `
        + `the tile. The margin is ${margin(s.depth)} pixels on each side: the dashed square is the output.`);
  }

  function choose(s, target, event) {
    const [row, column] = place(target, event).map(at => clamp(Math.floor(at) - margin(s.depth), 0, last(s)));
    Object.assign(s, { row, column });
  }

  const on = {
    click(s, target) {
      const { do: does, depth, size } = target.dataset;
      if (does === "depth") deepen(s, Number(depth));
      else if (does === "size") resize(s, Math.min(Number(size), nearestValid(MOST, s.depth)[0]));
      else if (does === "reset") Object.assign(s, start());
      else return false;
    },
    input(s, target) {
      if (target.type !== "range") return false;
      s[target.dataset.do] = Number(target.value);
    },
    change(s, target) {
      if (target.dataset.do !== "type") return false;
      const size = Number(target.value);
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
