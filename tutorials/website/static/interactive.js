// Runs the interactive figures. A figure is a function from its state to HTML, and handlers that change the state.
"use strict";

globalThis.interactive = (() => {
  const figures = {};

  // A minus sign is wider than a hyphen.
  const show = (number, digits = 0) => number.toFixed(digits).replace(/^-(0*\.?0*)$/, "$1").replace("-", "−");

  const ESCAPED = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

  // The HTML of an element. Attributes are escaped; what is inside is HTML already.
  function tag(name, attributes, ...inside) {
    const written = Object.entries(attributes).map(([key, value]) =>
      ` ${key}="${String(value).replace(/[&<>"]/g, sign => ESCAPED[sign])}"`);
    const start = `<${name}${written.join("")}>`;
    return name === "input" ? start : `${start}${inside.flat().join("")}</${name}>`;
  }

  // Parts of all figures. `does` says to the handlers what an element is for.

  const button = (does, text, attributes = {}) => tag("button", { "data-do": does, ...attributes }, text);

  const slider = (does, before, value, after, [min, max, step], digits = 0) => tag("label", {},
    `${before} `, tag("output", {}, show(value, digits)), `${after} `,
    tag("input", { type: "range", "data-do": does, min, max, step, value }));

  const controls = (...parts) => tag("div", { class: "controls" }, ...parts);
  const space = tag("span", { class: "space" });

  const panel = (kind, title, ...inside) =>
    tag("div", { class: `panel ${kind}` }, tag("div", { class: "name" }, title), ...inside);
  const panels = (...parts) => tag("div", { class: "panels" }, ...parts);

  const told = text => tag("p", { class: "told", "aria-live": "polite" }, text);

  // Where a pointer is in an SVG, as row and column in its own units.
  function place(svg, event) {
    const [x, y, width] = svg.getAttribute("viewBox").split(" ").map(Number), box = svg.getBoundingClientRect();
    const unit = width / box.width;
    return [y + (event.clientY - box.top) * unit, x + (event.clientX - box.left) * unit];
  }

  const clamp = (number, least, most) => Math.max(least, Math.min(number, most));

  // Rows and columns by which a key moves something.
  const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

  // An SVG path of a colour over the squares of a table that are true. It is made of strokes, because these are shorter
  // to write than rectangles; they overlap a little, so that no gap shows between rows.
  function squares(table, colour) {
    let path = "";
    table.forEach((row, r) => row.forEach((on, c) => {
      if (!on || row[c - 1]) return;
      let end = c + 1;
      while (row[end]) end++;
      path += `M${c} ${r}h${end - c}`;
    }));
    return tag("path", { stroke: colour, "stroke-width": 1.1, transform: "translate(0 .5)", d: path });
  }

  // Change a tree into another, in place, so that the focus and a drag survive.
  function change(old, now) {
    if (old.nodeName !== now.nodeName) return old.replaceWith(now.cloneNode(true));
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== now.data) old.data = now.data;
      return;
    }
    for (const { name } of [...old.attributes]) if (!now.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of now.attributes)
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    if (old.nodeName === "INPUT" && old !== document.activeElement) old.value = now.getAttribute("value");
    while (old.childNodes.length > now.childNodes.length) old.lastChild.remove();
    [...now.childNodes].forEach((child, i) => {
      if (old.childNodes[i]) change(old.childNodes[i], child);
      else old.append(child.cloneNode(true));
    });
  }

  // The handlers are called with the state, the nearest element with a data-do attribute, and the event. They return
  // false if nothing is to be drawn again.
  function run(place) {
    const { start, html, on } = figures[place.dataset.figure];
    const state = start(place.dataset.start);
    const draw = () => {
      const now = place.cloneNode(false);
      now.innerHTML = html(state);
      change(place, now);
    };
    place.classList.add("live");
    draw();
    for (const [kind, handler] of Object.entries(on)) {
      place.addEventListener(kind, event => {
        const target = event.target.closest("[data-do]");
        if (target && handler(state, target, event) !== false) draw();
      });
    }
    place.addEventListener("focusout", () => setTimeout(draw));  // shows a number as it was understood
  }

  function figure(name, parts) {
    figures[name] = parts;
    if (globalThis.document) document.querySelectorAll(`[data-figure=${name}]`).forEach(run);
  }

  return {
    MOVES, button, clamp, controls, figure, figures, panel, panels, place, show, slider, space, squares, tag, told,
  };
})();
