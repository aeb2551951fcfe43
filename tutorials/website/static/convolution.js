// A convolution and its backward pass, one output pixel at a time.
"use strict";

(() => {
  const { products, convolve, convolveBackward } = compute, { show } = interactive;
  const MOST = 99;

  const start = way => ({
    way,
    step: 0,
    x: [[1, 2, 3, 0, 2], [0, 1, 2, 4, 1], [5, 0, 1, 2, 0], [3, 1, 0, 2, 1], [0, 2, 1, 1, 3]],
    w: [[1, 0, -1], [0, 2, 0], [3, 0, 0]],
    b: [[10]],
    dy: [[2, -1, 0], [1, 3, 0], [0, 1, -2]],
  });

  const signed = number => (number < 0 ? `(${show(number)})` : show(number));
  const entry = number => (Math.abs(number) < 1e5 ? show(number) : number.toExponential(1));

  // A grid of numbers; `does` makes each number an input that sets it, or a button.
  function grid(title, values, { does = "", name = "", marked = () => "" } = {}) {
    const cells = values.flatMap((row, r) => row.map((value, c) => {
      const at = `data-do="${does}" data-name="${name}" data-r="${r}" data-c="${c}"`;
      const kind = `class="cell ${marked(r, c)}"`, label = `aria-label="${name}, row ${r}, column ${c}"`;
      if (does === "set") return `<input ${kind} ${at} ${label} value="${show(value)}" maxlength="3" autocomplete="off">`;
      const text = value === "" ? "" : typeof value === "string" ? value : entry(value);
      return does ? `<button ${kind} ${at} aria-label="${name}, row ${r}, column ${c}: ${text || "not yet computed"}">${text}</button>`
        : `<span ${kind}>${text}</span>`;
    }));
    return `<div class="panel"><div class="name">${title}</div>`
      + `<div class="grid" style="--columns: ${values[0].length}">${cells.join("")}</div></div>`;
  }

  function html(s) {
    const y = convolve(s.x, s.w, s.b[0][0]), columns = y[0].length, steps = y.length * columns;
    const r = Math.floor(s.step / columns), c = s.step % columns, forward = s.way === "forward";
    const inside = (i, j) => (i >= r && i < r + s.w.length && j >= c && j < c + s.w[0].length ? "marked" : "");
    const here = (i, j) => (i === r && j === c ? "chosen" : "");
    const input = name => ({ does: "set", name });
    const button = (does, text, off = false, pressed = "") =>
      `<button data-do="${does}"${off ? ' aria-disabled="true"' : ""}${pressed}>${text}</button>`;
    const ways = ["forward", "backward"].map(way =>
      button(way, `${way[0].toUpperCase()}${way.slice(1)} pass`, false, ` aria-pressed="${way === s.way}"`));
    const controls = `<div class="controls">${ways.join("")}<span class="space"></span>`
      + button("previous", "◀ Back", s.step === 0) + button("next", "Next ▶", s.step === steps - 1)
      + button("reset", "Reset") + `</div>`;
    return controls + (forward ? forwardHtml() : backwardHtml());

    function forwardHtml() {
      const terms = products(s.x, s.w, r, c), total = terms.flat().reduce((a, b) => a + b, 0);
      const written = terms.map((row, i) => row.map((term, j) =>
        `<small>${show(s.x[r + i][c + j])} · ${signed(s.w[i][j])}</small> ${entry(term)}`));
      const done = y.map((row, i) => row.map((value, j) => (i * columns + j <= s.step ? value : "")));
      const panels = grid("x: map and window", s.x, { ...input("x"), marked: inside })
        + grid("w: kernel", s.w, input("w")) + grid("b: bias", s.b, input("b"))
        + `<div class="wide">${grid("products", written, { marked: () => "marked" })}</div>`
        + grid("y: output", done, { does: "go", name: "y", marked: here });
      return `<div class="panels">${panels}</div><p class="told" aria-live="polite">Step ${s.step + 1} of ${steps}: `
        + `the window starts at row ${r}, column ${c}. Its nine products sum to ${entry(total)}, and with the bias, `
        + `y[${r}, ${c}] = ${entry(total)} + ${signed(s.b[0][0])} = ${entry(y[r][c])}.</p>`;
    }

    function backwardHtml() {
      const slope = s.dy[r][c], { dx, dw, db } = convolveBackward(s.dy, s.x, s.w, s.step + 1);
      const added = s.w.map(row => row.map(weight => `<small>${show(slope)} · ${signed(weight)}</small> ${entry(slope * weight)}`));
      const more = s.w.map((row, i) => row.map((_, j) =>
        `<small>${show(slope)} · ${signed(s.x[r + i][c + j])}</small> ${entry(slope * s.x[r + i][c + j])}`));
      const panels = grid("dy: gradient of y", s.dy, { ...input("dy"), marked: here })
        + grid("w: kernel", s.w, input("w"))
        + `<div class="wide">${grid(`dy[${r}, ${c}] · w`, added, { marked: () => "marked" })}</div>`
        + grid("dx so far", dx, { marked: inside });
      const others = grid("x: map and window", s.x, { ...input("x"), marked: inside })
        + `<div class="wide">${grid(`dy[${r}, ${c}] · window`, more, { marked: () => "marked" })}</div>`
        + grid("dw so far", dw) + grid("db so far", [[db]]);
      return `<div class="panels">${panels}</div><div class="panels">${others}</div>`
        + `<p class="told" aria-live="polite">Step ${s.step + 1} of ${steps}: y[${r}, ${c}] was computed from the marked `
        + `window of x. Its gradient, dy[${r}, ${c}] = ${show(slope)}, is therefore multiplied by each weight and added to `
        + `dx in the same window. Multiplied by the pixels of the window it is added to dw, and alone to db.</p>`;
    }
  }

  const on = {
    click(s, target) {
      const { do: does, r, c } = target.dataset;
      const steps = s.dy.length * s.dy[0].length;
      if (does === "next") s.step = Math.min(s.step + 1, steps - 1);
      else if (does === "previous") s.step = Math.max(s.step - 1, 0);
      else if (does === "go") s.step = Number(r) * s.dy[0].length + Number(c);
      else if (does === "reset") Object.assign(s, start(s.way));
      else if (does === "forward" || does === "backward") s.way = does;
      else return false;
    },
    focusin(s, target) {
      if (target.dataset.name !== "dy") return false;
      s.step = Number(target.dataset.r) * s.dy[0].length + Number(target.dataset.c);
    },
    input(s, target) {
      const text = target.value.trim().replace("−", "-");
      if (!/^-?\d+$/.test(text)) return false;
      s[target.dataset.name][target.dataset.r][target.dataset.c] = Math.max(-MOST, Math.min(Number(text), MOST));
    },
  };

  interactive.figure("convolution", { start, html, on });
})();
