// The grid of clips: which ones, in what order, loaded when they come near the screen.

const BATCH = 60; // cards that are added at a time when the end of the page comes near

const cards = new Map(); // id -> its view, for cards that are in the page
const nearby = new Set(); // views that are on the screen or close to it
const grid = { wanted: null, ids: [], shown: 0, hover: null };

const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
const haystack = new Map(DATA.clips.map((clip) => [clip.id, `${clip.id} ${clip.family} ${clip.split} ${clip.captions.join(" ")}`.toLowerCase()]));

/** Does the clip fit all filters, but that of the facet `but`? */
function fits(clip, but = "") {
  if (!words(state.q).every((word) => haystack.get(clip.id).includes(word))) return false;
  return FACETS.every((facet) => facet === but || !state[facet].size || state[facet].has(clip[facet] || "fine"));
}

function chosenIds() {
  const chosen = DATA.clips.filter((clip) => fits(clip));
  const last = state.sort === "fast" ? -1 : Infinity; // clips without figures come last either way
  if (state.sort === "fast") chosen.sort((a, b) => (b.motion ?? last) - (a.motion ?? last));
  if (state.sort === "slow") chosen.sort((a, b) => (a.motion ?? last) - (b.motion ?? last) || 0);
  return chosen.map((clip) => clip.id);
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const view = cards.get(entry.target.dataset.id);
    if (!view) continue;
    if (entry.isIntersecting) {
      nearby.add(view);
      showView(view);
    } else nearby.delete(view);
  }
}, { rootMargin: "300px" });

const ending = new IntersectionObserver((entries) => entries[0].isIntersecting && addCards(), { rootMargin: "900px" });

/** Put the cards of the clips that fit the filters; nothing where the filters are what they were. */
function showChosen() {
  const wanted = [...FACETS.map((facet) => [...state[facet]].join()), state.q, state.sort].join("\n");
  if (wanted === grid.wanted) return;
  watcher.disconnect();
  nearby.clear();
  cards.clear();
  find("grid").replaceChildren();
  Object.assign(grid, { wanted, ids: chosenIds(), shown: 0, hover: null });
  addCards();
  const [some, all] = [grid.ids.length, DATA.clips.length];
  find("count").textContent = some === all ? `${all} clips` : `${some} of ${all} clips`;
  find("nothing").hidden = some > 0;
  showChips();
}

function addCards() {
  const next = grid.ids.slice(grid.shown, grid.shown + BATCH);
  for (const id of next) addCard(CLIPS.get(id));
  grid.shown += next.length;
  ending.unobserve(find("more")); // observing again tells whether the end is still near
  if (grid.shown < grid.ids.length) ending.observe(find("more"));
}

function addCard(clip) {
  const card = make("a", find("grid"), { className: "card", href: `#clip=${clip.id}` });
  card.dataset.id = clip.id;
  const shot = make("div", card, { className: "shot" });
  const view = { clip, layer: state.layer, frame: state.frame, card, shot };
  if (clip.counts) {
    view.canvas = make("canvas", shot);
    view.canvas.setAttribute("aria-hidden", "true");
    view.line = make("div", shot, { className: "line" });
    view.scrub = make("div", shot, { className: "scrub" });
  }
  view.missing = make("div", shot, { className: "missing", textContent: clip.detail?.message ?? "", hidden: !clip.detail });
  if (clip.mark) make("span", shot, { className: `mark ${clip.mark}`, textContent: MARKS[clip.mark] });
  const about = make("div", card, { className: "about" });
  const first = make("div", about);
  make("b", first, { textContent: clip.family });
  make("span", first, { textContent: clip.id });
  make("p", about, { textContent: clip.captions[0] ?? "", title: clip.captions[0] ?? "" });
  const last = make("div", about);
  make("span", last, { textContent: clip.split });
  if (clip.motion != null) make("span", last, { textContent: `${clip.motion.toFixed(1)} px`, title: "Most of what moves is slower, pixels a frame" });
  cards.set(clip.id, view);
  listenToCard(view);
  watcher.observe(card);
}

function listenToCard(view) {
  const { card, clip } = view;
  card.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    leave(view);
    enterDetail(clip);
  });
  if (!clip.counts) return;
  card.addEventListener("pointerenter", (event) => event.pointerType !== "touch" && enter(view));
  card.addEventListener("pointerleave", () => leave(view));
  card.addEventListener("focus", () => card.matches(":focus-visible") && enter(view));
  card.addEventListener("blur", () => leave(view));
  view.scrub.addEventListener("pointermove", (event) => {
    const { left, width } = view.scrub.getBoundingClientRect();
    view.held = Math.max(0, Math.min(DATA.shown - 1, Math.floor(((event.clientX - left) / width) * DATA.shown)));
    showView(view);
  });
  view.scrub.addEventListener("pointerleave", () => {
    view.since = performance.now();
    view.from = view.held ?? 0;
    view.held = null;
  });
}

function enter(view) {
  if (grid.hover) leave(grid.hover);
  grid.hover = view;
  view.since = performance.now();
  view.from = clock.frame();
  run();
}

function leave(view) {
  if (grid.hover === view) grid.hover = null;
  view.held = view.since = null;
  if (view.line) view.line.style.transform = "";
  showView(view);
}

/** The frame that a card shows now: under the mouse its own, else that of all. */
function frameOf(view) {
  if (view.held != null) return view.held;
  if (grid.hover !== view || state.play) return clock.frame();
  return (view.from + Math.floor(((performance.now() - view.since) / 1000) * clock.rate())) % DATA.shown;
}

function showView(view) {
  if (!view.canvas) return;
  const there = hasLayer(view.clip, state.layer);
  view.canvas.hidden = !there;
  view.missing.hidden = there;
  view.missing.textContent = there ? "" : `no ${layerName(state.layer)}`;
  const frame = frameOf(view);
  if (grid.hover === view) view.line.style.transform = `scaleX(${(frame + 1) / DATA.shown})`;
  if (frame === Number(view.canvas.dataset.frame) / DATA.step && state.layer === view.canvas.dataset.layer) return;
  Object.assign(view, { layer: state.layer, frame });
  paint(view);
}

/** Move the focus between cards by the arrow keys. */
function moveFocus(key) {
  const all = [...find("grid").children];
  const at = all.indexOf(document.activeElement);
  if (at < 0) return false;
  const columns = all.filter((card) => card.offsetTop === all[0].offsetTop).length;
  const to = at + { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  all[to]?.focus();
  all[to]?.scrollIntoView({ block: "nearest" });
  return true;
}
