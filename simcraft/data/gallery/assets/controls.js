// Everything that is pressed, typed or moved changes `state`; this draws the controls from it, and starts the page.

function showAll() {
  for (const button of find("layers").children) {
    const on = button.dataset.layer === state.layer;
    button.setAttribute("aria-pressed", on);
    if (on) find("layers").scrollLeft = button.offsetLeft - find("layers").offsetLeft - 60; // on a narrow screen
  }
  if (document.activeElement !== find("search")) find("search").value = state.q;
  find("sort").value = state.sort;
  if (find("legend").dataset.layer !== state.layer) {
    find("legend").dataset.layer = state.layer;
    find("legend").replaceChildren();
    putLegend(find("legend"), state.layer);
  }
  if (!state.play) clock.start(state.frame);
  showChosen();
  nearby.forEach(showView);
  showDetail();
  showPlayers();
  run();
}

// -------------------------------------------------------------------------------------------------------- playing

let running = false;

/** Draw from now on as long as something plays. */
function run() {
  if (running) return;
  running = true;
  requestAnimationFrame(tick);
}

function tick() {
  running = false;
  if (detail.clip) {
    if (state.play) showDetailFrame();
  } else if (state.play) nearby.forEach(showView);
  else if (grid.hover) showView(grid.hover);
  if (state.play) showPlayers();
  if (state.play || grid.hover) run();
}

function togglePlay() {
  change({ play: !state.play });
}

function scrubTo(frame) {
  state.play = false;
  change({ frame });
}

function addPlayer(parent, what) {
  const play = make("button", parent, { type: "button", className: "play" });
  play.setAttribute("aria-keyshortcuts", "Space");
  play.addEventListener("click", togglePlay);
  const frame = make("input", parent, { type: "range", className: "frame", min: 0, max: DATA.shown - 1 });
  frame.setAttribute("aria-label", `Frame of ${what}`);
  frame.addEventListener("input", () => scrubTo(Number(frame.value)));
  const moment = make("output", parent, { className: "moment", title: "Frame" });
  const label = make("label", parent, { className: "speed-label" });
  const speed = make("input", label, { type: "range", className: "speed", min: 0, max: SPEEDS.length - 1 });
  speed.setAttribute("aria-label", "Playback speed");
  speed.addEventListener("input", () => {
    const now = clock.frame(); // at the old speed
    change({ speed: SPEEDS[speed.value] });
    clock.start(now);
  });
  const factor = make("output", label);
  players.push({ play, frame, moment, speed, factor, what });
  return play;
}

const players = [];

function showPlayers() {
  const now = clock.frame();
  for (const { play, frame, moment, speed, factor, what } of players) {
    play.setAttribute("aria-pressed", state.play);
    play.setAttribute("aria-label", `${state.play ? "Pause" : "Play"} ${what}`);
    frame.value = now;
    moment.textContent = `${now * DATA.step} / ${DATA.frames - 1}`;
    speed.value = SPEEDS.indexOf(state.speed);
    factor.textContent = `${state.speed}×`;
  }
}

// --------------------------------------------------------------------------------------------------------- filters

const chipButtons = [];

function addChips(facet, title, names) {
  const values = [...new Set(DATA.clips.map((clip) => clip[facet] || "fine"))];
  if (values.length < 2) return;
  const row = make("div", find("chips"), { className: "chips", role: "group" });
  row.setAttribute("aria-label", title);
  make("span", row, { textContent: title });
  for (const value of facet === "family" ? values.sort() : values) {
    const button = make("button", row, { type: "button", textContent: names?.[value] ?? value });
    const count = make("i", button);
    chipButtons.push({ facet, value, button, count });
    button.addEventListener("click", () => {
      const chosen = new Set(state[facet]);
      if (!chosen.delete(value)) chosen.add(value);
      change({ [facet]: chosen });
    });
  }
}

/** A chip's number is what it would show with the other filters as they are. */
function showChips() {
  const counts = new Map();
  for (const facet of FACETS) {
    for (const clip of DATA.clips) {
      const key = `${facet} ${clip[facet] || "fine"}`;
      if (fits(clip, facet)) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  for (const { facet, value, button, count } of chipButtons) {
    const number = counts.get(`${facet} ${value}`) ?? 0;
    count.textContent = number;
    button.classList.toggle("none", !number);
    button.setAttribute("aria-pressed", state[facet].has(value));
  }
}

// ------------------------------------------------------------------------------------------------------------ keys

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { key, target } = event;
  if (target.matches("input[type=search]")) {
    if (key === "Escape") target.blur();
    return;
  }
  const inSlider = target.matches("input[type=range], select");
  const arrow = key.startsWith("Arrow");
  if (inSlider && (arrow || key === " ")) return;
  if (act(event, key, arrow)) event.preventDefault();
}

function act(event, key, arrow) {
  if (/^[1-9]$/.test(key) && LAYERS[key - 1]) return change({ layer: LAYERS[key - 1], single: Boolean(state.clip) }) ?? true;
  if (key === "0" && state.clip) return change({ single: false }) ?? true;
  if (key === " " && !event.target.matches("button, summary")) return togglePlay() ?? true;
  if (key === "/" && !state.clip) return find("search").focus() ?? true;
  if (!state.clip) return arrow && moveFocus(key);
  if (key === "n" || key === "p") return neighbour(key === "n" ? 1 : -1) ?? true;
  const by = { ArrowLeft: -1, ArrowRight: 1 }[key];
  return by ? (scrubTo((clock.frame() + by + DATA.shown) % DATA.shown) ?? true) : false;
}

// ----------------------------------------------------------------------------------------------------------- start

function start() {
  const [width, height] = DATA.original;
  const rate = DATA.clips.find((clip) => clip.fps)?.fps;
  const made = DATA.clips.length === DATA.count ? "" : `${DATA.clips.length} of ${DATA.count} clips · `;
  const kept = DATA.step > 1 ? `, every ${DATA.step}th shown` : "";
  find("description").textContent = DATA.description;
  find("facts").textContent = `${made}${width} × ${height} px · ${DATA.frames} frames${kept} · ${rate} fps`;
  document.documentElement.style.setProperty("--shape", `${DATA.size[0]} / ${DATA.size[1]}`);
  LAYERS.forEach((key, k) => {
    const button = make("button", find("layers"), { type: "button", textContent: layerName(key) });
    button.dataset.layer = key;
    if (k < 9) {
      make("kbd", button, { textContent: k + 1 });
      button.setAttribute("aria-keyshortcuts", k + 1);
    }
    button.addEventListener("click", () => change({ layer: key }));
  });
  addChips("family", "Family");
  addChips("split", "Split");
  addChips("mark", "State", { ...MARKS, fine: "fine" });
  addPlayer(find("player"), "all clips");
  addPlayer(find("detail-player"), "the clip").autofocus = true;
  find("search").addEventListener("input", (event) => change({ q: event.target.value.trim() }));
  find("sort").addEventListener("change", (event) => change({ sort: event.target.value }));
  find("nothing").querySelector("button").addEventListener("click", () => change({ q: "", family: new Set(), split: new Set(), mark: new Set() }));
  find("before").addEventListener("click", () => neighbour(-1));
  find("after").addEventListener("click", () => neighbour(1));
  find("close").addEventListener("click", closeDetail);
  find("detail").addEventListener("cancel", (event) => {
    event.preventDefault();
    if (state.single) change({ single: false });
    else closeDetail();
  });
  const versions = Object.entries(DATA.made_by).map(([name, version]) => `${name} ${version}`).join(" · ");
  find("about").textContent = `1–${Math.min(9, LAYERS.length)} layer · space play · / search · enter open · ← → frame · n p next clip · 0 all layers · esc close. Made with ${versions}.`;
  addEventListener("keydown", pressed);
  addEventListener("popstate", () => {
    readAddress();
    clock.start(state.frame);
    showAll();
  });
  readAddress();
  clock.start(state.play ? 0 : state.frame);
  showAll();
}

start();
