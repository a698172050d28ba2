// One clip, large: all layers side by side, and everything that is known of it.

const detail = { clip: null, views: [], before: {} };

function showDetail() {
  const dialog = find("detail");
  if (!state.clip) {
    if (dialog.open) dialog.close();
    detail.clip = null;
    detail.views = [];
    return;
  }
  if (!dialog.open) dialog.showModal();
  const clip = CLIPS.get(state.clip);
  if (detail.clip !== clip) openClip(clip);
  const single = state.single && hasLayer(clip, state.layer);
  find("panels").classList.toggle("single", single);
  for (const view of detail.views) view.figure.hidden = single && view.layer !== state.layer;
  showDetailFrame();
}

function showDetailFrame() {
  const frame = clock.frame();
  for (const view of detail.views) {
    if (view.figure.hidden) continue;
    view.frame = frame;
    view.note.textContent = noteOn(view);
    paint(view);
  }
}

/** A layer with fewer frames shows its last one, which is another than that of the rest. */
function noteOn({ clip, layer, frame }) {
  const last = (clip.counts[layer] ?? DATA.shown) - 1;
  return frame > last ? `of frame ${last * DATA.step}` : "";
}

function openClip(clip) {
  detail.clip = clip;
  const title = find("detail-title");
  title.replaceChildren(clip.family);
  make("span", title, { textContent: clip.id });
  make("span", title, { textContent: clip.split });
  if (clip.mark) title.append(" ", Object.assign(document.createElement("b"), { className: `mark ${clip.mark}`, textContent: MARKS[clip.mark] }));
  find("panels").replaceChildren();
  detail.views = LAYERS.filter((layer) => hasLayer(clip, layer)).map((layer) => openPanel(clip, layer));
  arrange(detail.views.length);
  find("facts-of-clip").replaceChildren();
  find("detail-player").hidden = !detail.views.length;
  const body = document.querySelector("#detail .body");
  body.classList.toggle("bare", !detail.views.length);
  body.scrollTop = 0;
  detailOf(clip).then((about) => detail.clip === clip && fillFacts(clip, about));
}

/** Two rows of panels, or one where there are few. */
function arrange(count) {
  const rows = count > 3 ? 2 : 1;
  const shape = { rows, columns: Math.max(1, Math.ceil(count / rows)), ratio: DATA.size[0] / DATA.size[1] };
  for (const [name, value] of Object.entries(shape)) find("panels").style.setProperty(`--${name}`, value);
}

function openPanel(clip, layer) {
  const figure = make("figure", find("panels"));
  const canvas = make("canvas", figure, { width: DATA.size[0], height: DATA.size[1] });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${layerName(layer)} of clip ${clip.id}`);
  const caption = make("figcaption", figure);
  make("b", caption, { textContent: layerName(layer) });
  const view = { clip, layer, canvas, figure, note: make("small", caption), frame: 0 };
  detailOf(clip).then((about) => putLegend(caption, layer, about?.labels?.[layer]));
  dragToScrub(canvas, () => change({ layer, single: !state.single }));
  return view;
}

/** Dragging sideways over a picture moves through the frames; a click without that calls `click`. */
function dragToScrub(canvas, click) {
  let from = null;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    from = { x: event.clientX, frame: clock.frame(), moved: false };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!from || (!from.moved && Math.abs(event.clientX - from.x) < 4)) return;
    from.moved = true;
    const frame = from.frame + Math.round(((event.clientX - from.x) / canvas.clientWidth) * DATA.shown);
    scrubTo(Math.max(0, Math.min(DATA.shown - 1, frame)));
  });
  canvas.addEventListener("pointerup", () => {
    if (from && !from.moved) click();
    from = null;
  });
  canvas.addEventListener("pointercancel", () => (from = null));
}

function neighbour(by) {
  const ids = grid.ids.includes(state.clip) ? grid.ids : DATA.clips.map((clip) => clip.id);
  const id = ids[ids.indexOf(state.clip) + by];
  if (id) change({ clip: id });
}

function enterDetail(clip) {
  detail.before = { layer: state.layer, frame: state.frame, play: state.play };
  change({ clip: clip.id, play: Boolean(clip.counts) });
}

function closeDetail() {
  const { clip } = state;
  change({ play: false, ...detail.before, clip: null, single: false });
  cards.get(clip)?.card.focus({ preventScroll: true });
}

// ----------------------------------------------------------------------------------------------------------- facts

function fillFacts(clip, about) {
  const aside = find("facts-of-clip");
  if (!about) {
    make("p", aside, { className: "error", textContent: `clips/${clip.id}/clip.js is missing: make the gallery again.` });
    return;
  }
  if (about.message) {
    make("h3", aside, { textContent: clip.mark === "failed" ? "Why there is no clip" : "What is wrong" });
    make("p", aside, { className: "error", textContent: about.message });
    make("p", aside, { textContent: about.fix });
  }
  if (clip.captions.length) make("h3", aside, { textContent: clip.captions.length > 1 ? "Captions" : "Caption" });
  for (const caption of clip.captions) make("blockquote", aside, { textContent: caption });
  make("h3", aside, { textContent: "Make this clip again" });
  putCommand(aside, `${DATA.command} ${clip.id}`);
  putTable(aside, "Scene", { ...about.facts, ...(about.fps ? { "frames a second": about.fps } : {}) });
  putTable(aside, "Settings as drawn", about.settings);
  putTable(aside, "Statistics", about.statistics ?? {});
  putInstances(aside, about.instances ?? []);
}

function putCommand(parent, text) {
  const row = make("div", parent, { className: "command" });
  const code = make("code", row, { textContent: text });
  const button = make("button", row, { type: "button", textContent: "Copy" });
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code); // where the clipboard is closed to pages, Ctrl-C takes it from here
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}

function putTable(parent, title, values) {
  const rows = Object.entries(values).flatMap(([name, value]) => flat(name, value));
  if (!rows.length) return;
  make("h3", parent, { textContent: title });
  const table = make("table", parent);
  for (const [name, value] of rows) {
    const row = make("tr", table);
    make("td", row, { textContent: name.replaceAll("_", " ") });
    const cell = make("td", row);
    if (Array.isArray(value) && value.length > 4 && value.every((v) => typeof v === "number")) putBars(cell, value);
    else cell.textContent = asText(value);
    if (name === "hash") Object.assign(cell, { textContent: `${value.slice(0, 16)}…`, title: value });
  }
}

/** `{a: {b: 1}}` as rows "a b". */
function flat(name, value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [[name, value]];
  return Object.entries(value).flatMap(([key, inner]) => flat(`${name} ${key}`, inner));
}

function asText(value) {
  if (value === null) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return String(Number.isInteger(value) ? value : Number(value.toPrecision(4)));
  return Array.isArray(value) ? value.map(asText).join(", ") : String(value);
}

function putBars(parent, values) {
  const bars = make("div", parent, { className: "bars", title: values.join(", ") });
  const most = Math.log1p(Math.max(...values));
  for (const value of values) make("i", bars).style.height = `${(100 * Math.log1p(value)) / (most || 1)}%`;
}

function putInstances(parent, rows) {
  if (!rows.length) return;
  make("h3", parent, { textContent: "Things" });
  const box = rows.length > 8 ? make("details", parent) : parent;
  if (box !== parent) make("summary", box, { textContent: `${rows.length} things` });
  const table = make("table", box);
  for (const [colour, , name, material, solver] of rows) {
    const row = make("tr", table);
    const cell = make("td", row);
    make("span", cell, { className: "swatch" }).style.background = colour;
    cell.append(name);
    make("td", row, { textContent: [material, solver].filter(Boolean).join(", ") });
  }
}
