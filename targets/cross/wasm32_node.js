// Goes before what Emscripten writes: under Node.js the programs see its environment, and read the module as a file (this Emscripten takes
// the fetch() of Node.js 18 and later for a sign of a browser).
if (typeof process === 'object' && process.versions && process.versions.node) {
  globalThis.fetch = undefined;
  Module['preRun'] = function() { Object.assign(ENV, process.env); };
}
