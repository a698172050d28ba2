// Views: a canvas each that shows one layer of one clip at one frame.

const TAIL = 12; // frames that the tail of a track reaches back
const MOST_SPRITES = 600; // images that are kept; what was used longest ago goes first

const sprites = new Map();
const details = new Map();
const waiting = new Map();

/** The image that holds all frames of a layer. */
function spriteOf(clip, layer) {
  const key = `${clip.id}/${layer}`;
  let image = sprites.get(key);
  if (image) sprites.delete(key);
  else image = Object.assign(new Image(), { src: `clips/${clip.id}/${encodeURIComponent(layer)}.webp` });
  sprites.set(key, image);
  if (sprites.size > MOST_SPRITES) sprites.delete(sprites.keys().next().value);
  return image;
}

/** `clips/ID/clip.js` calls this. */
function gallery(detail) {
  waiting.get(detail.id)?.(detail);
}

/** Settings, statistics and tracks of a clip, loaded when they are asked for; null where they cannot be had. */
function detailOf(clip) {
  if (!details.has(clip.id)) {
    details.set(clip.id, clip.detail ? Promise.resolve(clip.detail) : new Promise((resolve) => {
      waiting.set(clip.id, (detail) => resolve({ ...detail, drawn: tracksOf(detail.tracks) }));
      const script = make("script", document.head, { src: `clips/${clip.id}/clip.js` });
      script.onerror = () => resolve(null);
      script.onload = () => script.remove();
    }));
  }
  return details.get(clip.id);
}

const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** Positions in pixels, NaN where a point does not exist; whether each is seen; a colour each. */
function tracksOf(stored) {
  if (!stored) return null;
  const data = new DataView(bytesOf(stored.points).buffer);
  const points = Float32Array.from({ length: data.byteLength / 2 }, (_, k) => {
    const value = data.getInt16(2 * k, true);
    return value === -32768 ? Number.NaN : value / 8;
  });
  const bits = bytesOf(stored.seen);
  const seen = (k) => Boolean(bits[k >> 3] & (128 >> (k & 7)));
  const [width, height] = DATA.size;
  const colours = Array.from({ length: stored.count }, (_, n) => {
    let t = 0;
    while (t < DATA.shown - 1 && Number.isNaN(points[2 * (n * DATA.shown + t)])) t++;
    const [x, y] = [points[2 * (n * DATA.shown + t)] / width, points[2 * (n * DATA.shown + t) + 1] / height];
    return `hsl(${Math.round(280 * x + 80 * y)} 95% 62%)`; // neighbours look alike
  });
  return { count: stored.count, points, seen, colours };
}

// ---------------------------------------------------------------------------------------------------------- views

/** Show `layer` of `clip` at `frame` on the view's canvas, now or as soon as it is loaded. */
function paint(view) {
  const { canvas, clip, layer } = view;
  if (!hasLayer(clip, layer)) return;
  canvas.classList.toggle("sharp", !isPhoto(layer) && layer !== "tracks");
  if (layer === "tracks") {
    detailOf(clip).then((detail) => detail?.drawn && view.layer === "tracks" && paintTracks(view, detail.drawn));
    return;
  }
  const image = spriteOf(clip, layer);
  if (!ready(image, view)) return;
  fit(canvas, 1);
  putFrame(canvas.getContext("2d"), image, Math.min(view.frame, clip.counts[layer] - 1), 1);
  mark(view);
}

function ready(image, view) {
  if (!image.complete) image.addEventListener("load", () => paint(view), { once: true });
  return image.complete && image.naturalWidth > 0;
}

function fit(canvas, scale) {
  const [width, height] = DATA.size.map((side) => side * scale);
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
}

function putFrame(pen, image, at, scale) {
  const [width, height] = DATA.size;
  const corner = [(at % DATA.columns) * width, Math.floor(at / DATA.columns) * height];
  pen.drawImage(image, ...corner, width, height, 0, 0, width * scale, height * scale);
}

/** For tests and style sheets: what is on the canvas. */
function mark(view) {
  view.canvas.dataset.layer = view.layer;
  view.canvas.dataset.frame = view.frame * DATA.step;
}

function paintTracks(view, tracks) {
  const { canvas, clip, frame } = view;
  const image = spriteOf(clip, "picture");
  if (hasLayer(clip, "picture") && !ready(image, view)) return;
  // lines are drawn as fine as the screen shows them
  const scale = Math.max(1, Math.ceil((canvas.clientWidth * devicePixelRatio) / DATA.size[0]));
  fit(canvas, scale);
  const pen = canvas.getContext("2d");
  pen.globalAlpha = 1;
  pen.fillStyle = "#14161b";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.globalAlpha = 0.4;
  if (hasLayer(clip, "picture")) putFrame(pen, image, Math.min(frame, clip.counts.picture - 1), scale);
  pen.lineWidth = Math.max(1, DATA.size[0] / 200) * scale;
  pen.lineCap = "round";
  for (let n = 0; n < tracks.count; n++) paintTrack(pen, tracks, n, frame, scale);
  mark(view);
}

function paintTrack(pen, { points, seen, colours }, n, frame, scale) {
  const start = n * DATA.shown;
  const at = (t) => [points[2 * (start + t)] * scale, points[2 * (start + t) + 1] * scale];
  pen.strokeStyle = pen.fillStyle = colours[n];
  pen.globalAlpha = 0.8;
  pen.beginPath();
  for (let t = Math.max(1, frame - TAIL + 1); t <= frame; t++) {
    if (!seen(start + t) || !seen(start + t - 1)) continue;
    pen.moveTo(...at(t - 1));
    pen.lineTo(...at(t));
  }
  pen.stroke();
  if (!seen(start + frame)) return;
  pen.globalAlpha = 1;
  pen.beginPath();
  pen.arc(...at(frame), pen.lineWidth * 1.3, 0, 2 * Math.PI);
  pen.fill();
}

// --------------------------------------------------------------------------------------------------------- legend

/** What the colours of a layer mean, into `parent`; `label` is what one clip's layer is called. */
function putLegend(parent, layer, label = "") {
  const key = make("div", parent, { className: "key" });
  if (layer === "flow") {
    make("img", make("span", key), { src: DATA.wheel, alt: "colour wheel" }).after(`rim: ${DATA.speed} px a frame, in all clips`);
  } else if (layer === "depth") {
    const [, near, far] = /([\d.]+) to ([\d.]+) m/.exec(label) ?? [];
    const scale = make("span", key, { textContent: near ? `${near} m` : "near" });
    make("i", scale, { className: "ramp" }).style.background = `linear-gradient(90deg, ${DATA.depth})`;
    scale.append(far ? `${far} m` : "far, scaled to each clip");
  } else if (layer === "visibility") {
    for (const [text, colour] of DATA.visibility) {
      const entry = make("span", key);
      make("i", entry).style.background = colour;
      entry.append(text);
    }
  } else {
    key.append({
      picture: "the true frames", preview: "as the quick preview saw it", instances: "a colour for each thing",
      tracks: "where points went in the last 12 frames", smoke: "white where nothing is seen through it",
      normals: "right red, up green, to the camera blue",
    }[layer] ?? `the video that ${layerName(layer)} made`);
  }
}
