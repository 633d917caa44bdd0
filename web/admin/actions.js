// What the operator can do. Nothing is done before he has read what listeners will hear.

import { ask } from "./api.js";
import { $, make, set } from "./views.js";

// Outputs that are replaced are on air first.
const RELOAD_MAX_MS = 30000;

const STATION_DELAY = "Everybody hears it after the playout delay and whatever his player has buffered.";

/** Asks whether to do it; does it; says what went wrong. `focusBack` has the focus afterwards. */
function confirm({ title, text, yes, fields, list = [], act }, focusBack) {
  const dialog = $("confirm");
  set($("confirm-title"), title);
  set($("confirm-text"), text);
  set($("confirm-yes"), yes);
  set($("confirm-fault"), "");
  $("confirm-list").replaceChildren(...list.map((line) => make("li", "", line)));
  $("confirm-yes").hidden = !act;
  $("confirm-fields").hidden = !fields;
  dialog.returnValue = "";
  $("confirm-yes").onclick = async (event) => {
    event.preventDefault();
    $("confirm-yes").disabled = true;
    try {
      await act();
      dialog.close("yes");
    } catch (fault) {
      set($("confirm-fault"), `Not done: ${fault.message}`);
    }
    $("confirm-yes").disabled = false;
  };
  dialog.onclose = () => (focusBack.isConnected ? focusBack : document.querySelector(".scroll")).focus();
  dialog.showModal();
  (fields ? $("title-artist") : $("confirm-no")).focus();
}

function fallbackName(status) {
  return { "fallback file": "the fallback file", tone: "a 440 Hz tone" }[status.operator.fallback] || "silence";
}

export function forceFallback(status, button) {
  const forced = !status.operator.fallback_forced;
  const text = forced
    ? `Instead of ${status.on_air.source}, listeners hear ${fallbackName(status)}, after a short crossfade, until you release `
      + `it. No input comes on air meanwhile. ${STATION_DELAY}`
    : `Listeners hear the best input that is there, after a short crossfade; if there is none, ${fallbackName(status)} goes on. `
      + STATION_DELAY;
  confirm({
    title: forced ? "Force the fallback?" : "Release the fallback?",
    text,
    yes: forced ? "Force the fallback" : "Release it",
    act: () => ask("PUT", "/api/fallback/forced", { forced }),
  }, button);
}

export function allowInput(status, name, button) {
  const allowed = status.operator.off_air.includes(name);
  const isOnAir = status.on_air.source === name;
  const text = allowed
    ? `${name} comes on air as soon as it is its turn: listeners then hear it after a short crossfade.`
    : isOnAir
      ? `Listeners hear the next input instead of ${name}, or ${fallbackName(status)} if there is none, after a short crossfade. `
        + `${name} stays connected, and off air until you allow it again.`
      : `Listeners notice nothing: ${name} is not on air. It will not come on air until you allow it again.`;
  confirm({
    title: allowed ? `Allow ${name} on air?` : `Take ${name} off air?`,
    text,
    yes: allowed ? "Allow it" : "Take it off air",
    act: () => ask("PUT", "/api/inputs/allowed", { input: name, allowed }),
  }, button);
}

export function preferInput(status, name, button) {
  const isPreferred = status.operator.preferred === name;
  const isOnAir = status.on_air.source === name;
  const text = isPreferred
    ? "Inputs go by their priority again. Listeners hear a change only if another input with a higher priority is there."
    : isOnAir
      ? `Listeners notice nothing: ${name} is on air, and stays there even if an input with a higher priority comes.`
      : `If ${name} has something to play, listeners hear it instead of ${status.on_air.source}, after a short crossfade.`;
  confirm({
    title: isPreferred ? `Prefer ${name} no longer?` : `Prefer ${name}?`,
    text,
    yes: isPreferred ? "Go by priority" : "Prefer it",
    act: () => ask("PUT", "/api/inputs/preferred", { input: isPreferred ? null : name }),
  }, button);
}

export function restartEncoder(mount, button) {
  confirm({
    title: `Restart the encoder of ${mount}?`,
    text: "Listeners hear nothing of it. A second process starts beside the one at work, encodes the last seconds once more, and takes "
      + "over at the next frame with the very bytes that the old one would have made.",
    yes: "Restart it",
    act: () => ask("POST", "/api/encoder/restart", { mount }),
  }, button);
}

export function skip(status, button) {
  const { label, next } = status.now_playing ?? {};
  confirm({
    title: `Skip ${label || "the song on air"}?`,
    text: `Listeners hear ${next || "the next song of the playlist"} after a short crossfade. Titles follow by themselves.`,
    yes: "Skip it",
    act: () => ask("POST", "/api/skip"),
  }, button);
}

/** `done` is called when he is gone: his row, and its button, go with him. */
export function kickListener({ id, address, mount }, button, done) {
  const who = address ? `the listener at ${address}` : `listener ${id}`;
  confirm({
    title: `Send ${who} away?`,
    text: `The stream ${mount} ends there, after a whole frame; many players connect again by themselves. Nobody else hears `
      + "anything of it.",
    yes: "Send away",
    act: () => ask("POST", "/api/listeners/kick", { id }).then(done),
  }, button);
}

const EFFECTS = { now: "at once", reconnect: "its listeners connect again", restart: "after a restart" };

/** Asks first what it would change; a configuration that is not good is told, and there is nothing to agree to. */
export async function reload(button) {
  const title = "Reload the configuration?";
  let changes;
  try {
    ({ changes } = await ask("GET", "/admin/reload"));
  } catch (fault) {
    confirm({ title, text: fault.message, yes: "", act: null }, button);
    return;
  }
  const cut = changes.filter(({ effect }) => effect === "reconnect").length > 0;
  const text = changes.length === 0
    ? "Nothing has changed since it was read."
    : cut
      ? "Listeners of the outputs that change are sent away after a whole frame, and connect again. Nobody else hears anything of it."
      : "No listener hears anything of it.";
  const list = changes.map(({ key, from, to, effect }) => `${key}: ${from ?? "nothing"} \u2192 ${to ?? "nothing"}, ${EFFECTS[effect]}`);
  const act = changes.length ? () => ask("POST", "/admin/reload", undefined, RELOAD_MAX_MS) : null;
  confirm({ title, text, yes: "Reload", list, act }, button);
}

export function setTitle(button) {
  confirm({
    title: "Set the title?",
    text: "Players show it as soon as what arrives now is heard. The sound does not change. It stays until the next title comes.",
    yes: "Set it",
    fields: true,
    act: () => ask("PUT", "/api/now-playing", { artist: $("title-artist").value, title: $("title-title").value }),
  }, button);
}
