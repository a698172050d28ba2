"use strict";
// State lives in the address: #frame=5&layer=flow,depth shows the same to whoever opens the link.
const TAIL = 12; // frames that the tail of a track reaches back
const [GAP, CAPTION, BAR] = [12, 44, 72]; // pixels: between panels, below a picture, at the foot of the window
const [SMALLEST, COMFORTABLE] = [220, 300]; // pixels: the width below which panels scroll, and what they then have
const find = (id) => document.getElementById(id);
const make = (tag, parent, properties = {}) => parent.appendChild(Object.assign(document.createElement(tag), properties));
const layers = DATA.layers;
const state = { frame: 0, shown: new Set(), before: null, playing: false, since: 0, from: 0 };
const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const loaded = layers.map(() => new Map());

// ------------------------------------------------------------------------------------------------------ pictures

/** The picture of a layer at a frame; where a layer has fewer frames its last one stays. */
function picture(index, frame) {
  const at = Math.min(frame, PICTURES[index].length - 1);
  const store = loaded[index];
  if (!store.has(at)) {
    const image = new Image();
    image.onload = () => drawPanel(index);
    image.src = PICTURES[index][at];
    store.set(at, image);
  }
  return store.get(at);
}

function drawPanel(index) {
  const { canvas } = layers[index];
  if (!state.shown.has(index) || !canvas) return;
  if (layers[index].key === "tracks") return drawTracks(layers[index], canvas);
  const image = picture(index, state.frame);
  if (image.complete && image.naturalWidth) canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
}

function drawTracks(layer, canvas) {
  // vectors are drawn as fine as the screen shows them
  const scale = Math.max(1, Math.round((canvas.clientWidth * devicePixelRatio) / layer.width)) || 1;
  if (canvas.width !== layer.width * scale) [canvas.width, canvas.height] = [layer.width * scale, layer.height * scale];
  const pen = canvas.getContext("2d");
  pen.globalAlpha = 1;
  pen.fillStyle = "#14161b";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  const image = picture(layer.over, state.frame);
  image.addEventListener("load", () => drawPanel(layer.index), { once: true });
  pen.globalAlpha = 0.4;
  if (image.complete && image.naturalWidth) pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  const t = Math.min(state.frame, layer.times - 1);
  const radius = Math.max(0.7, layer.width / 240) * scale;
  pen.lineWidth = Math.max(1, radius * 0.7);
  pen.lineCap = "round";
  layer.points.forEach((track, k) => {
    const at = (s) => [track[2 * s] * 0.1 * scale, track[2 * s + 1] * 0.1 * scale];
    const seen = (s) => layer.visible[k][s] === "1";
    if (track[2 * t] === null) return;
    pen.strokeStyle = pen.fillStyle = seen(t) ? layer.colours[k] : "#8a8f9c";
    pen.globalAlpha = seen(t) ? 0.75 : 0.3;
    pen.beginPath();
    for (let s = Math.max(1, t - TAIL + 1); s <= t; s++) {
      if (track[2 * s - 2] === null || track[2 * s] === null) continue;
      pen.moveTo(...at(s - 1));
      pen.lineTo(...at(s));
    }
    pen.stroke();
    pen.globalAlpha = seen(t) ? 1 : 0.35;
    pen.beginPath();
    pen.arc(...at(t), seen(t) ? radius : radius * 0.7, 0, 2 * Math.PI);
    pen.fill();
  });
}

/** The name of the instance below the pointer: by its colour in the picture of the instances. */
function nameAt(layer, event) {
  const labels = layers.find((other) => other.input === layer.input && other.key === "instances");
  const image = labels && picture(labels.index, state.frame);
  if (!image?.complete || !image.naturalWidth) return "";
  const [x, y] = [event.offsetX / layer.canvas.clientWidth, event.offsetY / layer.canvas.clientHeight];
  probe.canvas.width = probe.canvas.height = 1;
  probe.drawImage(image, -Math.floor(x * image.naturalWidth), -Math.floor(y * image.naturalHeight));
  const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data;
  const colour = "#" + [red, green, blue].map((c) => c.toString(16).padStart(2, "0")).join("");
  const row = DATA.inputs[layer.input].instances.find((entry) => entry[0] === colour);
  return row ? `${row[1]} · ${row[2]}` : "";
}

function point(layer, event) {
  const name = nameAt(layer, event);
  find("hint").textContent = name;
  find("hint").hidden = !name;
  find("hint").style.transform = `translate(${event.clientX + 14}px, ${event.clientY + 14}px)`;
}

// ---------------------------------------------------------------------------------------------------------- state

function show(frame) {
  state.frame = Math.max(0, Math.min(DATA.frames - 1, frame));
  find("slider").value = state.frame;
  const number = state.frame * DATA.step;
  const time = `${(number / DATA.fps).toFixed(2)} s`;
  find("moment").innerHTML = `<span class="long">frame </span>${number} / ${DATA.last}<span class="long"> · ${time}</span>`;
  for (const index of state.shown) {
    drawPanel(index);
    // what comes next is decoded before it is needed
    if (state.playing && PICTURES[index].length) for (let k = 1; k < 4; k++) picture(index, (state.frame + k) % DATA.frames);
  }
}

function choose(indices) {
  state.shown = new Set(indices);
  for (const layer of layers) {
    const on = state.shown.has(layer.index);
    layer.button.setAttribute("aria-pressed", on);
    layer.figure.hidden = !on;
  }
  document.body.classList.toggle("alone", state.shown.size === 1);
  arrange();
  show(state.frame);
}

/** As many columns as make the panels largest while all are in the window; where that is too small, scroll. */
function arrange() {
  const count = Math.max(1, state.shown.size);
  const ratio = Math.max(...layers.map((layer) => layer.width / layer.height));
  const [width, height] = [find("stage").clientWidth, innerHeight - find("stage").offsetTop - BAR];
  const side = (columns) => {
    const rows = Math.ceil(count / columns);
    return Math.min((width - GAP * (columns - 1)) / columns, ((height - GAP * (rows - 1)) / rows - CAPTION) * ratio);
  };
  let [columns, best] = [1, side(1)];
  for (let n = 2; n <= count; n++) if (side(n) > best) [columns, best] = [n, side(n)];
  if (best < Math.min(SMALLEST, width)) {
    columns = Math.min(count, Math.max(2, Math.floor(width / COMFORTABLE)));
    best = (width - GAP * (columns - 1)) / columns;
  }
  find("stage").style.gridTemplateColumns = `repeat(${columns}, ${Math.floor(best)}px)`;
}

function toggle(index) {
  const shown = new Set(state.shown);
  if (!shown.delete(index)) shown.add(index);
  state.before = null;
  choose(shown);
  remember();
}

/** One layer alone, as large as the window allows; and back. */
function single(index) {
  if (state.before) {
    choose(state.before);
    state.before = null;
  } else {
    state.before = new Set(state.shown);
    choose([index]);
  }
  remember();
}

function remember() {
  const names = layers.filter((layer) => state.shown.has(layer.index)).map((layer) => encodeURIComponent(layer.id));
  history.replaceState(null, "", `#frame=${state.frame * DATA.step}&layer=${names.join(",")}`);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray percent sign
  }
}

function restore() {
  const given = new Map(location.hash.slice(1).split("&").map((part) => part.split("=")));
  const wanted = given.get("layer");
  // names are decoded one by one: there may be a comma inside
  const named = (wanted ?? "").split(",").map(decoded);
  const chosen = layers.filter((layer) => wanted === "all" || named.includes(layer.id) || named.includes(layer.key));
  state.frame = Math.round((Number.parseInt(given.get("frame"), 10) || 0) / DATA.step);
  choose((chosen.length || wanted === "" ? chosen : layers.filter((layer) => layer.usual)).map((layer) => layer.index));
  play(given.get("play") === "1");
}

function play(on) {
  state.playing = on;
  find("play").classList.toggle("playing", on);
  find("play").setAttribute("aria-label", on ? "Pause" : "Play");
  state.since = performance.now();
  state.from = state.frame;
  if (on) requestAnimationFrame(tick);
}

function tick(now) {
  if (!state.playing) return;
  const passed = (Math.max(0, now - state.since) / 1000) * (DATA.fps / DATA.step) * Number(find("rate").value);
  const frame = (state.from + Math.floor(passed)) % DATA.frames;
  if (frame !== state.frame) show(frame);
  requestAnimationFrame(tick);
}

function step(by) {
  play(false);
  show((state.frame + by + DATA.frames) % DATA.frames);
  remember();
}

// ----------------------------------------------------------------------------------------------------------- page

function buildPanel(layer, parent) {
  const figure = make("figure", parent);
  const canvas = make("canvas", figure, { width: layer.width, height: layer.height });
  canvas.style.aspectRatio = layer.width / layer.height;
  canvas.classList.toggle("sharp", !layer.photographic);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", layer.label);
  canvas.onclick = () => single(layer.index);
  canvas.onpointermove = (event) => point(layer, event);
  canvas.onpointerleave = () => { find("hint").hidden = true; };
  const caption = make("figcaption", figure);
  make("b", caption, { textContent: layer.label });
  if (DATA.inputs.length > 1) make("span", caption, { textContent: DATA.inputs[layer.input].name, className: "of" });
  for (const [text, colour] of layer.legend) {
    const key = make("span", caption, { className: "key" });
    make("i", key).style.background = colour;
    key.append(text);
  }
  if (layer.wheel) {
    const key = make("span", caption, { className: "key", title: "The colour tells the direction, its depth the speed" });
    key.append(`rim ${layer.rim} px/frame`);
    make("img", key, { src: layer.wheel, alt: "colour wheel of directions" });
  }
  Object.assign(layer, { figure, canvas });
}

function buildAbout(input) {
  const parent = make("article", find("about"));
  const several = DATA.inputs.length > 1;
  if (several) make("h2", parent, { textContent: `${input.name} · ${input.facts}` });
  for (const text of input.captions) make("blockquote", parent, { textContent: text });
  for (const text of input.notes) make("p", parent, { textContent: text, className: "note" });
  for (const text of input.details) make("p", parent, { textContent: text, className: "faint" });
  if (!input.instances.length) return;
  make("h2", parent, { textContent: `${input.instances.length} instances` });
  const table = make("table", make("div", parent, { className: "table" }));
  const head = make("tr", make("thead", table));
  for (const text of ["", "id", "name", "material", "solver"]) make("th", head, { textContent: text });
  const body = make("tbody", table);
  for (const [colour, ...cells] of input.instances) {
    const row = make("tr", body);
    make("i", make("td", row)).style.background = colour;
    for (const text of cells) make("td", row, { textContent: text });
  }
}

function build() {
  const several = DATA.inputs.length > 1;
  find("facts").textContent = DATA.facts;
  DATA.inputs.forEach((input, n) => {
    if (several) make("span", find("toggles"), { textContent: input.name, className: "of" });
    for (const layer of layers.filter((layer) => layer.input === n)) {
      layer.button = make("button", find("toggles"), { type: "button", textContent: layer.key });
      layer.button.onclick = () => toggle(layer.index);
      buildPanel(layer, find("stage"));
    }
    buildAbout(input);
  });
  find("slider").max = DATA.frames - 1;
  find("slider").oninput = (event) => { play(false); show(Number(event.target.value)); };
  find("slider").onchange = remember;
  find("play").onclick = () => { play(!state.playing); if (!state.playing) remember(); };
  find("rate").onchange = () => play(state.playing);
}

const keys = {
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
  Home: () => step(-state.frame),
  End: () => step(DATA.frames - 1 - state.frame),
  " ": () => find("play").click(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("select")) return;
  if (event.key === " " && event.target.matches?.("button")) return;
  const digit = Number.parseInt(event.key, 10);
  if (keys[event.key]) keys[event.key]();
  else if (digit >= 1 && digit <= layers.length) toggle(digit - 1);
  else return;
  event.preventDefault();
});
layers.forEach((layer, index) => { layer.index = index; });
build();
restore();
window.addEventListener("hashchange", restore);
window.addEventListener("resize", () => { arrange(); show(state.frame); });
