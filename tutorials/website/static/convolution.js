// A convolution and its backward pass, one output pixel at a time.
"use strict";

(() => {
  const { products, convolve, convolveBackward } = compute;
  const { button, clamp, controls, panel, panels, show, space, tag, told } = interactive;
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

  const product = (a, b) => `<small>${show(a)} · ${signed(b)}</small> ${entry(a * b)}`;

  // A grid of numbers, or of texts. `does` makes each one an input that sets it, or a button.
  function grid(title, values, { does, name, marked = () => "", kind = "" } = {}) {
    const cells = values.flatMap((row, r) => row.map((value, c) => {
      const text = typeof value === "string" ? value : entry(value), label = `${name}, row ${r}, column ${c}`;
      const attributes = { class: `cell ${marked(r, c)}` };
      if (!does) return tag("span", attributes, text);
      Object.assign(attributes, { "data-do": does, "data-name": name, "data-r": r, "data-c": c });
      if (does === "go")
        return tag("button", { ...attributes, "aria-label": `${label}: ${text || "not computed yet"}` }, text);
      Object.assign(attributes, { value: show(value), maxlength: 3, autocomplete: "off" });
      return tag("input", { ...attributes, "aria-label": label });
    }));
    return panel(kind, title, tag("div", { class: "grid", style: `--columns: ${values[0].length}` }, cells));
  }

  function html(s) {
    const columns = s.dy[0].length, steps = s.dy.length * columns;
    const r = Math.floor(s.step / columns), c = s.step % columns;
    const ways = ["forward", "backward"].map(way =>
      button(way, `${way[0].toUpperCase()}${way.slice(1)} pass`, { "aria-pressed": way === s.way }));
    const moves = [
      button("previous", "◀ Back", { "aria-disabled": s.step === 0 }),
      button("next", "Next ▶", { "aria-disabled": s.step === steps - 1 }),
    ];
    const top = controls(...ways, space, ...moves, button("reset", "Reset"));
    return top + (s.way === "forward" ? forward : backward)(s, r, c, `Step ${s.step + 1} of ${steps}: `);
  }

  // Which numbers are in the window of output pixel (r, c), and which is that pixel.
  const inside = (s, r, c) => (i, j) => (s.w[i - r]?.[j - c] === undefined ? "" : "marked");
  const here = (r, c) => (i, j) => (i === r && j === c ? "chosen" : "");
  const everywhere = () => "marked";
  const input = name => ({ does: "set", name });

  function forward(s, r, c, step) {
    const y = convolve(s.x, s.w, s.b[0][0]), total = products(s.x, s.w, r, c).flat().reduce((a, b) => a + b, 0);
    const done = y.map((row, i) => row.map((value, j) => (i * row.length + j <= s.step ? value : "")));
    const terms = s.w.map((row, i) => row.map((weight, j) => product(s.x[r + i][c + j], weight)));
    return panels(
      grid("x: map and window", s.x, { ...input("x"), marked: inside(s, r, c) }),
      grid("w: kernel", s.w, input("w")),
      grid("b: bias", s.b, input("b")),
      grid("products", terms, { marked: everywhere, kind: "wide" }),
      grid("y: output", done, { does: "go", name: "y", marked: here(r, c) }),
    ) + told(`${step}the window starts at row ${r}, column ${c}. Its nine products sum to ${entry(total)}. `
      + `With the bias, y[${r}, ${c}] = ${entry(total)} + ${signed(s.b[0][0])} = ${entry(y[r][c])}.`);
  }

  function backward(s, r, c, step) {
    const slope = s.dy[r][c], { dx, dw, db } = convolveBackward(s.dy, s.x, s.w, s.step + 1);
    const toMap = s.w.map(row => row.map(weight => product(slope, weight)));
    const toKernel = s.w.map((row, i) => row.map((_, j) => product(slope, s.x[r + i][c + j])));
    return panels(
      grid("dy: gradient of y", s.dy, { ...input("dy"), marked: here(r, c) }),
      grid("w: kernel", s.w, input("w")),
      grid(`dy[${r}, ${c}] · w`, toMap, { marked: everywhere, kind: "wide" }),
      grid("dx so far", dx, { marked: inside(s, r, c) }),
    ) + panels(
      grid("x: map and window", s.x, { ...input("x"), marked: inside(s, r, c) }),
      grid(`dy[${r}, ${c}] · window`, toKernel, { marked: everywhere, kind: "wide" }),
      grid("dw so far", dw),
      grid("db so far", [[db]]),
    ) + told(`${step}y[${r}, ${c}] was computed from the marked window of x. Its gradient is dy[${r}, ${c}] = `
      + `${show(slope)}. Multiplied by each weight it is added to dx, in the same window; multiplied by each pixel of `
      + "the window it is added to dw; and as it is, to db.");
  }

  const on = {
    click(s, target) {
      const { do: does, r, c } = target.dataset;
      const steps = s.dy.length * s.dy[0].length;
      if (does === "next") s.step = clamp(s.step + 1, 0, steps - 1);
      else if (does === "previous") s.step = clamp(s.step - 1, 0, steps - 1);
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
      s[target.dataset.name][target.dataset.r][target.dataset.c] = clamp(Number(text), -MOST, MOST);
    },
  };

  interactive.figure("convolution", { start, html, on });
})();
