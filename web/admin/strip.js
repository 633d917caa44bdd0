// The last ten minutes, second by second: sources in colour, their level, gaps and restarts; and the listeners.

import { $, set, each, time } from "./views.js";

const MOMENTS_MAX = 600;
const QUIETEST_LUFS = -60;
const COLOURS_MAX = 6;

const known = { moments: [], names: [] };

/** The tick of the newest moment there is. */
export function newest() {
  return known.moments.at(-1)?.tick;
}

/** Takes in what has come since. A tower that has been restarted begins anew. */
export function add(moments, isNewTower) {
  known.moments = [...(isNewTower ? [] : known.moments), ...moments].slice(-MOMENTS_MAX);
  for (const { source } of known.moments) if (!known.names.includes(source)) known.names.push(source);
  draw();
}

function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function colour(source) {
  if (source === "silence") return style("--line");
  if (source === "tone" || source === "fallback file") return style("--warn");
  const programmes = known.names.filter((name) => !["silence", "tone", "fallback file"].includes(name));
  return style(`--source-${programmes.indexOf(source) % COLOURS_MAX}`);
}

/** A canvas as sharp as the screen, and how wide and high it is. */
function paper(id) {
  const canvas = $(id);
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  return { pen, width, height };
}

function grew(index, figure) {
  return index > 0 && known.moments[index][figure] > known.moments[index - 1][figure];
}

/** Gaps and restarts, in words; empty when nothing of the kind happened in that second. */
function incidents(index) {
  const told = [];
  if (grew(index, "restarts")) told.push("encoder restarted");
  if (grew(index, "silent_frames")) told.push("silence sent");
  else if (grew(index, "holds")) told.push("listeners held");
  return told;
}

export function draw() {
  drawLevel();
  drawCrowd();
  look();
  each($("legend"), known.names, (name) => name, () => document.createElement("li"), (item, name) => {
    set(item, name);
    item.style.setProperty("--dot", colour(name));
  });
}

function drawLevel() {
  const { pen, width, height } = paper("strip");
  const column = width / MOMENTS_MAX;
  const first = MOMENTS_MAX - known.moments.length;
  known.moments.forEach((moment, index) => {
    const level = Math.min(Math.max(1 - moment.momentary_lufs / QUIETEST_LUFS, 0), 1);
    const [left, top] = [(first + index) * column, 8 + (height - 14) * (1 - level)];
    pen.fillStyle = colour(moment.source);
    pen.fillRect(left, top, column + 0.5, height - 6 - top);
    // The source is told even where it is silent.
    pen.fillRect(left, height - 5, column + 0.5, 5);
    const told = incidents(index);
    if (told.length) {
      pen.fillStyle = style(told.includes("silence sent") || told.includes("listeners held") ? "--signal" : "--ink");
      pen.fillRect(left - 1, 0, 3, height);
    }
  });
  const at = Number($("strip-at").value);
  pen.fillStyle = style("--ink");
  if (at < MOMENTS_MAX - 1) pen.fillRect(at * column, 0, 1, height);
}

function drawCrowd() {
  const { pen, width, height } = paper("crowd");
  const column = width / MOMENTS_MAX;
  const most = Math.max(1, ...known.moments.map((moment) => moment.listeners));
  const first = MOMENTS_MAX - known.moments.length;
  pen.fillStyle = style("--source-0");
  known.moments.forEach((moment, index) => {
    const high = (height - 2) * moment.listeners / most;
    pen.fillRect((first + index) * column, height - high, column + 0.5, high);
  });
  $("crowd").setAttribute("aria-label", `Listeners in the last ten minutes, ${most} at most`);
}

/** Says in words what the cursor is at. */
function look() {
  const slider = $("strip-at");
  const index = Number(slider.value) - (MOMENTS_MAX - known.moments.length);
  const moment = known.moments[index];
  const text = moment
    ? [time(moment.time), moment.source, `${moment.momentary_lufs.toFixed(1)} LUFS`, `${moment.listeners} listening`, ...incidents(index)]
      .join(" \u00b7 ")
    : "before this tower remembers";
  set($("strip-text"), text);
  slider.setAttribute("aria-valuetext", text);
}

$("strip-at").addEventListener("input", () => { drawLevel(); look(); });
window.addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
