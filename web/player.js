"use strict";
// The player: plays at once, comes back by itself after any break, and says what is on air.

const $ = (id) => document.getElementById(id);
const audio = $("audio");
const RETRY_MS_MIN = 500, RETRY_MS_MAX = 8000, STALL_MS_MAX = 6000, STATUS_MS = 2000;

const player = { wanted: false, mount: "/stream", retryMs: RETRY_MS_MIN, timer: 0, heardAt: 0, position: 0 };

function say(text) { $("state").textContent = text || "\u00a0"; }

function connect() {
  clearTimeout(player.timer);
  player.timer = 0;
  player.heardAt = performance.now();
  player.position = 0;
  // A new address each time: a browser that still holds the broken stream must not go on with it.
  audio.src = `${player.mount}?t=${Date.now()}`;
  audio.play().catch((error) => {
    // Without a click browsers refuse to make a sound; that is for the listener to mend.
    if (error.name === "NotAllowedError") stop("press Listen to hear it"); else reconnect();
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
  clearTimeout(player.timer);
  player.timer = 0;
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
audio.addEventListener("playing", () => { player.retryMs = RETRY_MS_MIN; say("playing"); });
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

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function title(playing) {
  if (!playing) return "";
  const name = playing.file.split("/").pop().replace(/\.[^.]+$/, "");
  return playing.title ? [playing.artist, playing.title].filter(Boolean).join(" \u2013 ") : name;
}

function show(status) {
  const first = status.outputs[0];
  if (first) {
    player.mount = first.mount;
    $("name").textContent = first.name;
    document.title = first.name;
    $("encoder").textContent = first.encoder.state;
  }
  const live = status.inputs.some(({ name }) => name === status.on_air.source);
  $("lamp").className = `lamp ${live ? "live" : "fallback"}`;
  $("lamp").textContent = live ? "on air" : status.on_air.source;
  const files = (status.players || []).find((p) => p.name === status.on_air.source);
  $("onair").textContent = status.now_playing?.label || title(files && files.playing)
    || (live ? "live" : "no programme at the moment");
  $("since").textContent = duration(status.uptime_seconds);
  $("listeners").textContent = status.listeners.now;
  $("tick").textContent = status.tick;
  $("mounts").replaceChildren(...status.outputs.map((output) => {
    const item = document.createElement("li");
    const link = element("a", new URL(output.mount, location.href).href);
    link.href = output.mount;
    item.append(link, element("span", `MP3 ${output.bitrate_kbps} kbit/s${output.channels === 1 ? " mono" : ""}`));
    return item;
  }));
  $("events").replaceChildren(...(status.events ?? []).filter(({ kind }) => kind !== "action").slice(-8).reverse().map((event) => {
    const item = document.createElement("li");
    const time = element("time", new Date(event.time * 1000).toLocaleTimeString());
    time.dateTime = new Date(event.time * 1000).toISOString();
    item.append(time, event.text);
    return item;
  }));
}

async function refresh() {
  try {
    const answer = await fetch("/status", { cache: "no-store", signal: AbortSignal.timeout(STATUS_MS) });
    show(await answer.json());
  } catch {
    $("lamp").className = "lamp";
    $("lamp").textContent = "tower not reached";
  }
  setTimeout(refresh, STATUS_MS);
}
refresh();
