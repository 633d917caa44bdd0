"use strict";
// The player: plays at once, comes back by itself after any break, and says what is on air.

const $ = (id) => document.getElementById(id);
const audio = $("audio");
const RETRY_MS_MIN = 500, RETRY_MS_MAX = 8000, STALL_MS_MAX = 6000, STATUS_MS = 2000;
const SONGS_SHOWN = 12;
const CODECS = {
  mp3: { name: "MP3", type: "audio/mpeg" },
  aac: { name: "AAC", type: "audio/aac" },
  "he-aac": { name: "HE-AAC", type: "audio/aac" },
  opus: { name: "Opus", type: "audio/ogg; codecs=opus" },
};

const player = { wanted: false, mount: "/stream", retryMs: RETRY_MS_MIN, timer: 0, heardAt: 0, position: 0 };

/** Changes a text only if it is another: screen readers would read it again, and a selection would be lost. */
function set(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

function say(text) { set($("state"), text || "\u00a0"); }

function forgetRetry() {
  clearTimeout(player.timer);
  player.timer = 0;
  player.heardAt = performance.now();
}

function connect() {
  forgetRetry();
  player.position = 0;
  // A new address each time: a browser that still holds the broken stream must not go on with it.
  audio.src = `${player.mount}?t=${Date.now()}`;
  audio.play().catch((error) => {
    // Without a click browsers refuse to make a sound; that is for the listener to mend.
    if (error.name === "NotAllowedError") stop("press Listen to hear it");
    // Given up for a newer connection, it is no break.
    else if (error.name !== "AbortError") reconnect();
  });
}

function reconnect() {
  if (!player.wanted || player.timer) return;
  say("the connection broke; coming back");
  player.timer = setTimeout(connect, player.retryMs);
  player.retryMs = Math.min(player.retryMs * 2, RETRY_MS_MAX);
}

function start() {
  player.wanted = true;
  player.retryMs = RETRY_MS_MIN;
  $("play").setAttribute("aria-pressed", "true");
  $("label").textContent = "Stop";
  $("icon").setAttribute("d", "M6 6h12v12H6z");
  say("connecting");
  connect();
}

function stop(text) {
  player.wanted = false;
  forgetRetry();
  audio.removeAttribute("src");
  audio.load();
  $("play").setAttribute("aria-pressed", "false");
  $("label").textContent = "Listen";
  $("icon").setAttribute("d", "M7 4v16l13-8z");
  say(text);
}

$("play").addEventListener("click", () => (player.wanted ? stop() : start()));
$("volume").addEventListener("input", (event) => { audio.volume = Number(event.target.value); });
// An <audio> element fires "ended" after a break and never comes back by itself.
for (const event of ["ended", "error"]) audio.addEventListener(event, () => audio.hasAttribute("src") && reconnect());
audio.addEventListener("playing", () => {
  forgetRetry();
  player.retryMs = RETRY_MS_MIN;
  say("playing");
});
audio.addEventListener("waiting", () => player.wanted && say("waiting for the stream"));

// Some breaks fire nothing at all: what counts is that time goes on.
setInterval(() => {
  if (!player.wanted || player.timer) return;
  if (audio.currentTime !== player.position) {
    player.position = audio.currentTime;
    player.heardAt = performance.now();
  } else if (performance.now() - player.heardAt > STALL_MS_MAX) {
    reconnect();
  }
}, 1000);

function duration(seconds) {
  const [d, h, m] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (d) return `${d} d ${h} h`;
  return h ? `${h} h ${m} min` : m ? `${m} min` : `${Math.floor(seconds)} s`;
}

/** When it was heard, in the listener's own time; with the day, if that was another. */
function clock(time) {
  const isToday = time.toDateString() === new Date().toDateString();
  return time.toLocaleString([], { weekday: isToday ? undefined : "short", hour: "2-digit", minute: "2-digit" });
}

function make(name, text = "") {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/** One child of `list` for each item: made once and kept, so that focus and selection stay where they are. */
function each(list, items, keyOf, create, update) {
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const children = items.map((item) => {
    const key = keyOf(item);
    const child = old.get(key) || create(item);
    child.dataset.key = key;
    update(child, item);
    return child;
  });
  const same = children.length === list.children.length && children.every((child, index) => child === list.children[index]);
  if (!same) list.replaceChildren(...children);
}

function title(playing) {
  if (!playing) return "";
  const name = playing.file.split("/").pop().replace(/\.[^.]+$/, "");
  return playing.title ? [playing.artist, playing.title].filter(Boolean).join(" \u2013 ") : name;
}

function lamp(className, text) {
  $("lamp").className = `lamp ${className}`;
  set($("lamp"), text);
}

/** Without TLS a browser lets no page at its clipboard; what is selected can be copied all the same. */
async function copy(link) {
  set($("copied"), "");
  let isCopied = true;
  try {
    await navigator.clipboard.writeText(link.href);
  } catch {
    getSelection().selectAllChildren(link);
    isCopied = document.execCommand("copy");
  }
  set($("copied"), isCopied ? `copied: ${link.href}` : "selected, and ready to be copied");
}

function mountRow({ mount }) {
  const [item, link, button] = [make("li"), make("a", new URL(mount, location.href).href), make("button", "Copy")];
  link.href = mount;
  button.type = "button";
  button.setAttribute("aria-label", `Copy the address ${link.href}`);
  button.addEventListener("click", () => copy(link));
  item.append(link, make("span"), button);
  return item;
}

function show(status) {
  const { outputs, inputs, on_air: { source } } = status;
  const playable = outputs.find(({ codec }) => audio.canPlayType(CODECS[codec]?.type || "")) || outputs[0];
  if (playable) {
    player.mount = playable.mount;
    set($("name"), outputs[0].name);
    document.title = outputs[0].name;
    set($("encoder"), playable.encoder.state);
  }
  const isLive = inputs.some(({ name }) => name === source);
  if (playable?.is_silent) lamp("fallback", "silence");
  else lamp(isLive ? "live" : "fallback", isLive ? "on air" : source);
  const files = (status.players || []).find(({ name }) => name === source);
  set($("onair"), status.now_playing?.label || title(files?.playing) || (isLive ? "live" : "no programme at the moment"));
  set($("uptime"), duration(status.uptime_seconds));
  set($("listeners"), status.listeners.now);
  set($("tick"), status.tick);
  each($("mounts"), outputs, ({ mount }) => mount, mountRow, (item, { codec, bitrate_kbps, channels }) => {
    set(item.children[1], `${CODECS[codec]?.name || codec} ${bitrate_kbps} kbit/s${channels === 1 ? " mono" : ""}`);
  });
}

function songRow({ started_at, label }) {
  const [item, time] = [make("li"), make("time")];
  time.dateTime = new Date(started_at * 1000).toISOString();
  item.append(time, make("span", label));
  return item;
}

const songKey = (song) => (song?.label ? `${song.started_at} ${song.label}` : "");
let historyIsOf = null;

/** What was played; it is asked for only when another title is heard. */
async function showHistory(playing) {
  if (songKey(playing) === historyIsOf) return;
  const { songs } = await read("/api/history");
  historyIsOf = songKey(playing);
  const titled = songs.filter(({ label }) => label).slice(0, SONGS_SHOWN);
  $("no-history").hidden = titled.length > 0;
  each($("history"), titled, songKey, songRow, (item, song) => {
    const isNow = songKey(song) === historyIsOf;
    item.classList.toggle("now", isNow);
    set(item.firstChild, isNow ? "now" : clock(new Date(song.started_at * 1000)));
  });
}

async function read(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(STATUS_MS) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

let isReached = true;

async function refresh() {
  try {
    const status = await read("/status");
    show(status);
    // The tower is back: whoever waits for it need not wait any longer.
    if (!isReached && player.timer) connect();
    isReached = true;
    await showHistory(status.now_playing);
  } catch {
    isReached = false;
    lamp("", "tower not reached");
  }
  setTimeout(refresh, STATUS_MS);
}
refresh();
