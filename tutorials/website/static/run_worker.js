// The Python of a page: this worker loads Pyodide and the course, then runs the cells it is sent.
"use strict";
const PACKAGES = ["numpy", "scipy", "matplotlib", "threadpoolctl"];
const tell = (kind, content, ...more) => postMessage({ kind, content, more });
let loaded = 0, kernel, needed;

// Count what is loaded, for the progress in the page.
const request = self.fetch;
self.fetch = async (...asked) => {
  const answer = await request(...asked);
  if (!answer.ok || !answer.body) return answer;
  const counted = new TransformStream({
    transform(piece, next) {
      tell("loaded", loaded += piece.byteLength);
      next.enqueue(piece);
    },
  });
  return new Response(answer.body.pipeThrough(counted), { status: answer.status, headers: answer.headers });
};

async function load(base, course) {
  const archive = fetch(course).then(answer => {
    if (!answer.ok) throw new Error(`${course}: ${answer.status}`);
    return answer.arrayBuffer();
  });
  importScripts(base + "pyodide.js");
  const python = await loadPyodide({ indexURL: base, env: { MPLBACKEND: "agg" } });
  await python.loadPackage(PACKAGES, { messageCallback() {} });
  python.unpackArchive(await archive, "zip", { extractDir: "/course" });
  python.runPython(`
import os, sys
sys.path[:0] = ["/course", "/course/tutorials"]
os.chdir("/course/tutorials")`);
  const module = python.pyimport("kernel");
  needed = sources => module.needed(python.toPy(sources));
  kernel = module.Kernel(tell);
}

onmessage = async ({ data }) => {
  try {
    if (data.base) {
      await load(data.base, data.course);
      tell("ready");
    } else if (data.sources) tell("done", needed(data.sources).toJs());
    else tell("done", kernel.run(data.name, data.source));
  } catch (error) {
    tell("failed", error.message);
  }
};
