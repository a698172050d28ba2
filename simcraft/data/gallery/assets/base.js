"use strict";
// What is shown follows from `state` alone, and `state` is in the page's address: a link opens the same again.

const find = (id) => document.getElementById(id);
const make = (tag, parent, properties = {}) => parent.appendChild(Object.assign(document.createElement(tag), properties));

const CLIPS = new Map(DATA.clips.map((clip) => [clip.id, clip]));
const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4];
const MARKS = { still: "no motion", failed: "failed", damaged: "damaged" };
const FACETS = ["family", "split", "mark"];

/** Keys of all layers that some clip has, in the order of the number keys. */
const LAYERS = (() => {
  const there = new Set(DATA.clips.flatMap((clip) => [...Object.keys(clip.counts ?? {}), ...(clip.tracks ? ["tracks"] : [])]));
  return [...DATA.order.filter((key) => there.delete(key)), ...[...there].sort()];
})();
const layerName = (key) => key.replace(/^video-/, "");
const isPhoto = (key) => key === "picture" || key === "preview" || key.startsWith("video-");
const hasLayer = (clip, key) => (key === "tracks" ? Boolean(clip.tracks) : Boolean(clip.counts && key in clip.counts));

const USUAL = {
  q: "", sort: "id", layer: LAYERS[0] ?? "picture", frame: DATA.shown >> 1, speed: 1, play: false, clip: null, single: false,
};
const state = { ...USUAL, family: new Set(), split: new Set(), mark: new Set() };

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const facet of FACETS) state[facet] = new Set((given.get(facet) ?? "").split(",").filter(Boolean));
  const frame = Number.parseInt(given.get("frame"), 10);
  const speed = Number(given.get("speed"));
  state.q = given.get("q") ?? "";
  state.sort = ["fast", "slow"].includes(given.get("sort")) ? given.get("sort") : USUAL.sort;
  state.layer = LAYERS.includes(given.get("layer")) ? given.get("layer") : USUAL.layer;
  state.frame = Number.isNaN(frame) ? USUAL.frame : Math.max(0, Math.min(DATA.shown - 1, Math.round(frame / DATA.step)));
  state.speed = SPEEDS.includes(speed) ? speed : USUAL.speed;
  state.play = given.get("play") === "1";
  state.clip = CLIPS.has(given.get("clip")) ? given.get("clip") : null;
  state.single = given.get("single") === "1";
}

/** The address of the page with these changes. */
function addressOf(changes = {}) {
  const target = { ...state, ...changes };
  const parts = [];
  for (const facet of FACETS) if (target[facet].size) parts.push([facet, [...target[facet]].join(",")]);
  for (const key of ["q", "sort", "layer", "speed", "clip"]) if (target[key] && target[key] !== USUAL[key]) parts.push([key, target[key]]);
  if (target.play) parts.push(["play", "1"]);
  else if (target.frame !== USUAL.frame) parts.push(["frame", target.frame * DATA.step]);
  if (target.clip && target.single) parts.push(["single", "1"]);
  return "#" + parts.map(([key, value]) => `${key}=${encodeURIComponent(value).replaceAll("%2C", ",")}`).join("&");
}

/** Change what is shown. Another clip is a step in the browser's history, all else is not. */
function change(changes) {
  const step = "clip" in changes && changes.clip !== state.clip;
  if (changes.play === false && state.play) state.frame = clock.frame();
  if (changes.play && !state.play) clock.start(state.frame);
  Object.assign(state, changes);
  clearTimeout(remembering);
  if (step) history.pushState(null, "", addressOf());
  // browsers refuse addresses that change with every movement of a slider
  else if (Object.keys(changes).join() === "frame") remembering = setTimeout(remember, 200);
  else remember();
  showAll();
}

let remembering = 0;
const remember = () => history.replaceState(null, "", addressOf());

// ------------------------------------------------------------------------------------------------------------ time

/** The moment of everything that plays together. */
const clock = {
  since: 0,
  from: 0,
  rate: () => (DATA.clips.find((clip) => clip.fps)?.fps ?? 24) / DATA.step * state.speed,
  start(frame) {
    this.since = performance.now();
    this.from = frame;
  },
  frame() {
    if (!state.play) return state.frame;
    return (this.from + Math.floor((performance.now() - this.since) / 1000 * this.rate())) % DATA.shown;
  },
};
