// "Run" on the pages of the chapters. Python runs in a worker of this page: Pyodide, which is loaded by the first click.
"use strict";
(() => {
  const script = document.currentScript;
  const beside = name => new URL(name, script.src).href;
  const MEGABYTES = 49; // what the first click loads
  const CANNOT = [ // chapter, which of its cells, why they do not run in the page
    ["12_speed", cell => /threads\.use\(2\)/.test(cell.source), "It needs two threads, and in a browser Python has one"],
    ["12_speed", cell => /\b(race\(|rates\b|yardstick\b)/.test(cell.source),
      "It measures rates, and in a browser NumPy multiplies matrices without BLAS"],
  ];
  const SLOW = ["00_overview", "06_border_weights", "10_training", "13_your_own_data"]; // they train for a minute in Jupyter
  const page = location.pathname.split("/").pop().replace(/\.html$/, "");
  const cells = [];
  const ran = new Set();
  let worker, answer, report = () => {};

  const make = (tag, name, text = "") => Object.assign(document.createElement(tag), { className: name, textContent: text });

  // The worker.

  function ask(message) { // returns a promise for the last word of the worker on this message
    return new Promise(done => { answer = done; worker.postMessage(message); });
  }

  async function start(status) {
    worker = new Worker(beside("run_worker.js"));
    worker.onerror = event => answer?.({ kind: "failed", content: event.message || "the worker did not start" });
    worker.onmessage = ({ data }) => {
      if (data.kind === "loaded") status(`Loading Python: ${Math.round(data.content / 1e6)} of ${MEGABYTES} MB`);
      else if (["ready", "done", "failed"].includes(data.kind)) answer(data);
      else report(data);
    };
    const message = await ask({ base: new URL(script.dataset.pyodide, script.src).href, course: beside("course.zip") });
    if (message.kind === "ready") return;
    stop();
    throw new Error(message.kind === "failed" ? `Python could not be loaded (${message.content}).` : "Stopped.");
  }

  function stop() {
    worker?.terminate();
    worker = undefined;
    ran.clear();
  }

  // A cell: its code, its output, and a bar with buttons.

  class Cell {
    constructor(element, number) {
      this.element = element;
      this.name = `cell ${number}`;
      this.input = element.querySelector(".cell_input");
      this.bar = make("div", "run-bar");
      this.run = make("button", "run", "Run");
      this.edit = make("button", "edit", "Edit");
      this.status = make("span", "status");
      this.status.setAttribute("role", "status");
      this.bar.append(this.run, this.edit, this.status);
      (this.input.closest("details") ?? this.input).after(this.bar); // where the code is folded, below the fold
      this.exercise = !!element.closest("#exercises");
      this.run.onclick = () => (this.running ? this.interrupt() : this.go());
      this.edit.onclick = () => this.open().focus();
    }

    get source() { return this.editor ? this.editor.value : this.input.querySelector("pre").textContent; }

    open() { // make the code editable
      this.editor = make("textarea", "run-editor");
      this.editor.value = this.input.querySelector("pre").textContent.trimEnd();
      this.editor.spellcheck = false;
      this.editor.setAttribute("aria-label", `Code of ${this.name}`);
      const fit = () => { this.editor.rows = this.editor.value.split("\n").length; };
      fit();
      this.editor.oninput = fit;
      this.editor.onkeydown = event => { // as in Jupyter
        if (event.key !== "Enter" || !event.shiftKey) return;
        event.preventDefault();
        this.run.click();
      };
      this.input.replaceChildren(this.editor);
      this.edit.remove();
      return this.editor;
    }

    interrupt() {
      stop();
      answer({ kind: "stopped" });
    }

    say(text) { this.status.textContent = text; }

    async go() { // run what is needed of the cells above, then this one
      if (location.protocol === "file:") {
        this.say("To run cells, open this page from a web server, for example python -m http.server, or the chapter in Jupyter.");
        return;
      }
      this.running = true;
      this.run.textContent = "Stop";
      for (const other of cells) other.run.disabled = other !== this;
      try {
        if (!worker) await start(text => this.say(text));
        const above = await this.above();
        for (const [index, cell] of [...above, this].entries()) {
          const long = SLOW.includes(page) && !this.exercise ? ". Training takes some minutes in a browser" : "";
          this.say(above.length ? `Running ${index + 1} of ${above.length + 1} cells${long}` : `Running${long}`);
          await cell.execute(cell !== this);
        }
        this.say("");
      } catch (error) {
        this.say(error.message);
      }
      this.running = false;
      this.run.textContent = "Run";
      for (const other of cells) other.run.disabled = !!other.cannot;
    }

    async above() { // from the first cell on that has not run; of these, an exercise runs only what it needs
      const before = cells.slice(0, cells.indexOf(this));
      if (!this.exercise) {
        const can = before.filter(cell => !cell.cannot);
        return can.slice([...can, this].findIndex(cell => cell === this || !ran.has(cell)));
      }
      const { content } = await ask({ sources: [...before, this].map(cell => cell.source) });
      const needed = content.map(number => cells[number]);
      const missing = needed.find(cell => cell.cannot);
      if (missing) throw new Error(`It needs ${missing.name}, which does not run in the page: use Jupyter.`);
      return needed.filter(cell => !ran.has(cell));
    }

    async execute(above) {
      const output = make("div", "cell_output docutils container");
      let shown = false, last;
      const show = () => { // the first output replaces that of the site
        if (shown) return;
        shown = true;
        this.element.querySelector(".cell_output")?.remove();
        this.element.append(output);
      };
      report = ({ kind, content, more }) => {
        if (kind === "image") {
          const [alt, dark] = more;
          const add = (png, name) => output.append(Object.assign(make("img", name), { alt, src: `data:image/png;base64,${png}` }));
          add(content, dark ? "on-light" : "");
          if (dark) add(dark, "on-dark");
          last = undefined;
        } else if (kind === "html") {
          const block = make("div", "output text_html");
          block.innerHTML = content.replace(/(href="\w+)\.ipynb"/g, '$1.html"');
          output.append(block);
          last = undefined;
        } else {
          if (last?.kind !== kind) {
            const block = make("div", `output highlight run-${kind}`);
            last = { kind, text: make("pre", "") };
            block.append(last.text);
            output.append(block);
          }
          last.text.append(content);
        }
        show();
      };
      const message = await ask({ name: this.name, source: this.source });
      if (message.kind === "stopped") throw new Error("Stopped. The variables are lost: the next Run begins with the first cell.");
      if (message.kind === "failed") {
        stop();
        throw new Error(`Python ended (${message.content}). The next Run begins with the first cell.`);
      }
      show();
      if (!message.content) throw new Error(above ? `${this.name} above ended with an error.` : "");
      ran.add(this);
    }
  }

  addEventListener("DOMContentLoaded", () => {
    for (const element of document.querySelectorAll("div.cell")) {
      if (!element.querySelector(".cell_input pre")) continue;
      const cell = new Cell(element, cells.length + 1);
      cells.push(cell);
      const reason = CANNOT.find(([chapter, which]) => chapter === page && which(cell))?.[2];
      if (reason) {
        cell.cannot = cell.run.disabled = true;
        cell.edit.remove();
        cell.say(`${reason}: use Jupyter.`);
      } else if (location.protocol !== "file:" && cell.exercise) cell.open();
    }
  });
})();
