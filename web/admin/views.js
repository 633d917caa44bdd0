// How figures are shown. Elements are kept and changed, never made anew: a button that has the focus keeps it.

export const $ = (id) => document.getElementById(id);

/** Changes a text only if it is another: screen readers would read it again. */
export function set(element, text) {
  const wanted = String(text ?? "");
  if (element.textContent !== wanted) element.textContent = wanted;
}

export function make(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** One child of `list` for each item: made once, updated each time, removed with its item. */
export function each(list, items, keyOf, create, update) {
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const children = items.map((item) => {
    const key = String(keyOf(item));
    const child = old.get(key) || create(item);
    child.dataset.key = key;
    update(child, item);
    return child;
  });
  const same = children.length === list.children.length && children.every((child, index) => child === list.children[index]);
  if (!same) list.replaceChildren(...children);
}

export function duration(seconds) {
  const [d, h, m] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (d) return `${d} d ${h} h`;
  return h ? `${h} h ${m} min` : m ? `${m} min` : `${Math.floor(seconds)} s`;
}

export function time(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString();
}

/** A labelled bar, for people and for screen readers, who are told whose it is. */
function bar(label, whose) {
  const row = make("div", "meter");
  const track = make("div", "track");
  track.setAttribute("role", "meter");
  track.setAttribute("aria-label", whose ? `${label} of ${whose}` : label);
  track.append(make("div", "fill"));
  row.append(make("span", "name", label), track, make("span", "value figures"));
  return row;
}

function setBar(row, value, [min, max], text, tone) {
  const [, track, shown] = row.children;
  const share = Math.min(Math.max((value - min) / (max - min), 0), 1);
  track.firstChild.style.width = `${(share * 100).toFixed(1)}%`;
  track.className = `track ${tone}`;
  const bounds = { "aria-valuemin": min, "aria-valuemax": max, "aria-valuenow": Math.min(Math.max(value, min), max) };
  for (const [name, figure] of Object.entries({ ...bounds, "aria-valuetext": text })) track.setAttribute(name, figure);
  set(shown, text);
}

const METER_LUFS = [-60, 0];
const METER_DBFS = [-60, 0];

/** Programme and outputs: what goes into the encoders, and what listeners hear. */
export function meters(status) {
  const sounds = [
    { name: "Programme", loudness: status.programme },
    ...status.outputs.filter((output) => output.loudness).map(({ mount, loudness }) => ({ name: mount, loudness })),
  ];
  each($("meters"), sounds, ({ name }) => name, ({ name }) => bar(name), (row, { loudness }) => {
    const { momentary_lufs, short_term_lufs, integrated_lufs, true_peak_dbtp } = loudness;
    const tone = true_peak_dbtp > -0.1 ? "hot" : momentary_lufs < -59 ? "low" : "fine";
    setBar(row, momentary_lufs, METER_LUFS, momentary_lufs < -99 ? "silent" : `${momentary_lufs.toFixed(1)} LUFS`, tone);
    row.title = `short-term ${short_term_lufs.toFixed(1)}, integrated ${integrated_lufs.toFixed(1)} LUFS, `
      + `true peak ${true_peak_dbtp.toFixed(1)} dBTP`;
    const more = row.querySelector(".more") || row.appendChild(make("span", "more quiet figures"));
    set(more, `3 s ${short_term_lufs.toFixed(1)} \u00b7 10 min ${integrated_lufs.toFixed(1)} \u00b7 peak ${true_peak_dbtp.toFixed(1)} dBTP`);
  });
}

function card(name, bars, buttons) {
  const made = make("li", "card");
  const head = make("p", "head");
  head.append(make("strong"), make("span", "state"));
  made.append(head, ...bars.map((label) => bar(label, name)), make("p", "facts quiet figures"));
  const row = make("p", "buttons");
  for (const { className, act } of buttons) {
    const button = make("button", className);
    button.type = "button";
    button.addEventListener("click", () => act(button));
    row.append(button);
  }
  made.append(row);
  return made;
}

function label(button, text, name) {
  set(button, text);
  button.setAttribute("aria-label", `${text}: ${name}`);
}

/** How loud a producer is, heard or not: whoever is to come on air is looked at first. */
function setLevel(row, producer) {
  const peak = producer?.peak_dbfs;
  row.hidden = producer && peak === undefined;
  const text = !producer ? "\u2013" : peak === null ? "silent" : `${peak?.toFixed(1)} dBFS`;
  const tone = peak > -0.1 ? "hot" : producer && !(peak > METER_DBFS[0] + 1) ? "low" : "fine";
  setBar(row, peak ?? METER_DBFS[0], METER_DBFS, text, tone);
}

/** Each input with its newest producer, and what can be done with it. */
export function inputs(status, { allow, prefer }) {
  const { off_air, preferred } = status.operator;
  const create = ({ name }) => card(name, ["Level", "Buffer"], [
    { className: "allow", act: (button) => allow(name, button) },
    { className: "prefer", act: (button) => prefer(name, button) },
  ]);
  each($("inputs"), status.inputs, ({ name }) => name, create, (item, { name, producers }) => {
    const connected = producers.filter((producer) => producer.connected);
    const newest = connected.at(-1);
    const isOff = off_air.includes(name);
    const state = producers.some((producer) => producer.on_air) ? "on air"
      : isOff ? "kept off air" : newest?.silent ? "sends silence" : newest ? "ready" : "nobody there";
    set(item.querySelector("strong"), name);
    const shown = item.querySelector(".state");
    set(shown, state);
    shown.className = `state ${state === "on air" ? "live" : isOff || newest?.silent ? "warn" : ""}`;
    const [level, buffer] = item.querySelectorAll(".meter");
    setLevel(level, newest);
    const { count, capacity } = newest || { count: 0, capacity: 100 };
    setBar(buffer, count, [0, capacity], `${(count * 0.024).toFixed(1)} s`, "fine");
    const lost = newest ? newest.overflow_count : 0;
    set(item.querySelector(".facts"), [
      connected.length > 1 ? `${connected.length} connected` : "",
      preferred === name ? "preferred" : "",
      lost ? `${lost} ticks dropped, it sends too fast` : "",
    ].filter(Boolean).join(" \u00b7 "));
    label(item.querySelector(".allow"), isOff ? "Allow" : "Take off air", name);
    label(item.querySelector(".prefer"), preferred === name ? "Prefer no longer" : "Prefer", name);
  });
}

/** What a playlist plays next, and when; empty where nothing is known. */
export function next(nowPlaying) {
  const left = nowPlaying?.remaining_ms;
  const told = [
    ...(Number.isFinite(left) ? [`${duration(left / 1000)} left`] : []),
    ...(nowPlaying?.next ? [`next: ${nowPlaying.next}`] : []),
  ];
  return told.join(", ");
}

/** Each output: its encoder, its frame buffer, what listeners get. */
export function outputs(status, { restart }) {
  const create = ({ mount }) => card(mount, ["Buffer"], [{ className: "restart", act: (button) => restart(mount, button) }]);
  each($("outputs"), status.outputs, ({ mount }) => mount, create, (item, output) => {
    const { encoder, buffer, heard } = output;
    set(item.querySelector("strong"), output.mount);
    const shown = item.querySelector(".state");
    set(shown, `${encoder.kind} ${encoder.state}`);
    shown.className = `state ${encoder.state === "RUNNING" ? "good" : encoder.state === "FAILED" ? "bad" : "warn"}`;
    setBar(item.querySelector(".meter"), buffer.count, [0, buffer.capacity], `${buffer.count} frames`, "fine");
    const replay = encoder.last_replay;
    set(item.querySelector(".facts"), [
      `${output.bitrate_kbps} kbit/s${output.channels === 1 ? " mono" : ""}`,
      `${output.listeners} listening`,
      encoder.restarts === 1 ? "1 restart" : `${encoder.restarts} restarts`,
      replay && encoder.restarts ? (replay.proved ? "last one proved: not a byte differs" : "last one not proved") : "",
      encoder.carried_by && encoder.carried_by !== encoder.kind ? `${encoder.carried_by} stands in` : "",
      output.behind_ticks ? `${output.behind_ticks * 24} ms late` : "",
      output.silent_frames ? `${output.silent_frames} silent frames sent` : "",
      heard && heard.likeness !== null ? `${Math.round(heard.likeness * 100)} % like the programme` : "",
    ].filter(Boolean).join(" \u00b7 "));
    label(item.querySelector(".restart"), "Restart encoder", output.mount);
  });
}

/** Alarms; and whatever else keeps the tower from being well, or is to be mended. */
export function alarms(status) {
  const { alarms: raised, health: { reasons, warnings } } = status;
  const isAlarm = new Set(raised.map(({ text }) => text));
  const remarks = [...reasons.map((text) => ["failing", text]), ...warnings.map((text) => ["warning", text])]
    .filter(([, text]) => !isAlarm.has(text));
  $("no-alarm").hidden = raised.length + remarks.length > 0;
  // Figures in a sentence change; the sentence is the same.
  each($("remarks"), remarks, ([, text]) => text.replace(/\d+/g, ""), () => make("li"), (item, [severity, text]) => {
    item.className = severity;
    set(item, text);
  });
  const key = ({ alarm, mount }) => `${alarm} ${mount}`;
  each($("alarms"), raised, key, () => make("li"), (item, { text, severity, since }) => {
    item.className = severity;
    // The text begins with the mount that it is about.
    set(item, `${text} (since ${time(since)})`);
  });
}

/** Newest first. */
export function events(list) {
  const create = (event) => {
    const item = make("li", event.kind);
    const when = make("time", "figures", time(event.time));
    when.dateTime = new Date(event.time * 1000).toISOString();
    item.append(when, make("span", "text", event.who ? `${event.text} (${event.who})` : event.text));
    return item;
  };
  each($("events"), list.toReversed(), ({ id }) => id, create, () => {});
}

export function listeners(page, { kick }) {
  const create = () => {
    const row = make("tr");
    for (let column = 0; column < 7; column += 1) row.append(make("td"));
    const button = make("button", "kick");
    button.type = "button";
    set(button, "Send away");
    row.lastChild.append(button);
    return row;
  };
  each($("listeners"), page.listeners, ({ id }) => id, create, (row, one) => {
    const cells = [one.address || "\u2013", one.user_agent || "\u2013", one.mount, duration(one.connected_seconds),
      `${(one.lag_ms / 1000).toFixed(1)} s`, one.skipped ? `${(one.skipped * 0.024).toFixed(1)} s` : "\u2013"];
    cells.forEach((text, index) => set(row.children[index], text));
    const button = row.lastChild.firstChild;
    button.setAttribute("aria-label", `Send away listener ${one.id}`);
    button.onclick = () => kick(one, button);
  });
}
