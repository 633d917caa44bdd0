// The desk: logs in, follows the tower, and joins views and actions.

import { LoggedOut, ask, follow, logIn, logOut, session } from "./api.js";
import * as actions from "./actions.js";
import * as strip from "./strip.js";
import * as views from "./views.js";
import { $, set } from "./views.js";

const EVENTS_SHOWN = 100;
const LISTENERS_SHOWN = 50;
const LISTENERS_MS = 5000;

// What takes a role; whoever has a lower one sees the button, and what it would take.
const ROLES = ["observer", "operator", "admin"];
const TAKES = { operator: "#fallback, #skip, #set-title, .allow, .prefer, .restart, .kick", admin: "#reload" };

const desk = { role: null, status: null, events: [], from: 0, next: null, page: 1, timer: 0, stop: () => {}, leaving: null };

function showLogin(text) {
  desk.stop();
  clearInterval(desk.timer);
  $("desk").hidden = true;
  $("login").hidden = false;
  if ($("confirm").open) $("confirm").close();
  set($("login-fault"), text);
  $("password").focus();
}

/** Of buttons that only some may press. */
function permit() {
  for (const [role, buttons] of Object.entries(TAKES)) {
    const may = ROLES.indexOf(desk.role) >= ROLES.indexOf(role);
    for (const button of document.querySelectorAll(buttons)) {
      button.disabled = !may;
      button.title = may ? "" : `This takes the role ${role}.`;
    }
  }
}

function showDesk(role) {
  desk.role = role;
  permit();
  $("login").hidden = true;
  $("desk").hidden = false;
  desk.stop = follow(show, fail);
  desk.timer = setInterval(showListeners, LISTENERS_MS);
  showListeners();
}

function fail(fault) {
  if ($("desk").hidden) return;
  if (fault instanceof LoggedOut) return showLogin("The session is over; log in again.");
  lamp("", "tower not reached");
}

function lamp(className, text) {
  $("lamp").className = `lamp ${className}`;
  set($("lamp"), text);
}

async function show(status) {
  const isNewTower = desk.status?.epoch !== status.epoch;
  if (isNewTower) desk.events = [];
  desk.status = status;
  showNow(status);
  views.alarms(status);
  views.meters(status);
  views.inputs(status, {
    allow: (name, button) => actions.allowInput(desk.status, name, button),
    prefer: (name, button) => actions.preferInput(desk.status, name, button),
  });
  views.outputs(status, { restart: (mount, button) => actions.restartEncoder(mount, button) });
  const { now, peak, limit } = status.listeners;
  set($("listeners-now"), now);
  set($("listeners-more"), `now, ${peak} at most, room for ${limit}`);
  permit();
  await Promise.all([showRecent(isNewTower), showEvents()]);
}

function showNow(status) {
  const { source, reason, since_tick } = status.on_air;
  const isProgramme = status.inputs.some(({ name }) => name === source);
  const silent = status.outputs.filter(({ is_silent: isSilent }) => isSilent).map(({ mount }) => mount);
  if (silent.length > 0) lamp("fallback", `silence on ${silent.join(", ")}`);
  else lamp(isProgramme ? "live" : "fallback", isProgramme ? "on air" : `no programme: ${source}`);
  set($("station"), status.outputs[0]?.name || "Radio Tower");
  set($("uptime"), views.duration(status.uptime_seconds));
  set($("source"), source);
  set($("why"), `because ${reason}; for ${views.duration(Math.max(0, status.tick - since_tick) * 0.024)}`);
  set($("playing"), status.now_playing?.label || "");
  set($("next"), views.next(status.now_playing));
  const { fallback_forced, preferred, off_air } = status.operator;
  set($("fallback"), fallback_forced ? "Release the fallback" : "Force the fallback");
  $("fallback").setAttribute("aria-pressed", String(fallback_forced));
  const wishes = [
    ...(fallback_forced ? ["You force the fallback: no input is on air until you release it."] : []),
    ...(preferred ? [`${preferred} goes before all other inputs.`] : []),
    ...off_air.map((name) => `${name} is kept off air.`),
  ];
  views.each($("wishes"), wishes, (wish) => wish, () => views.make("li"), (item, wish) => set(item, wish));
}

async function showRecent(isNewTower) {
  const after = isNewTower ? undefined : strip.newest();
  const { moments } = await ask("GET", after === undefined ? "/api/recent" : `/api/recent?after=${after}`);
  if (moments.length || isNewTower) strip.add(moments, isNewTower);
}

async function showEvents() {
  const last = desk.events.at(-1)?.id;
  const { events } = await ask("GET", `/api/events?limit=${EVENTS_SHOWN}${last === undefined ? "" : `&after=${last}`}`);
  if (!events.length) return;
  desk.events = [...desk.events, ...events].slice(-EVENTS_SHOWN);
  views.events(desk.events);
}

async function showListeners() {
  try {
    const page = await ask("GET", `/admin/listeners?from=${desk.from}&limit=${LISTENERS_SHOWN}`);
    desk.next = page.next;
    views.listeners(page, { kick: (one, button) => actions.kickListener(one, button, showListeners) });
    set($("listeners-page"), `page ${desk.page}, ${page.total} listeners in all`);
    permit();
    $("listeners-next").disabled = page.next === null;
    $("listeners-first").disabled = desk.page === 1;
  } catch (fault) {
    fail(fault);
  }
}

function turn(from, page) {
  Object.assign(desk, { from, page });
  showListeners();
}

$("listeners-first").addEventListener("click", () => turn(0, 1));
$("listeners-next").addEventListener("click", () => turn(desk.next, desk.page + 1));
$("fallback").addEventListener("click", () => desk.status && actions.forceFallback(desk.status, $("fallback")));
$("skip").addEventListener("click", () => desk.status && actions.skip(desk.status, $("skip")));
$("set-title").addEventListener("click", () => actions.setTitle($("set-title")));
$("reload").addEventListener("click", () => actions.reload($("reload")));
$("log-out").addEventListener("click", () => {
  showLogin("");
  desk.leaving = logOut().catch(() => {});
});

async function tryLogIn(user, password) {
  try {
    await desk.leaving;
    const role = await logIn(user, password);
    $("password").value = "";
    set($("login-fault"), "");
    showDesk(role);
  } catch (fault) {
    showLogin(fault.message);
  }
}

$("login-form").addEventListener("submit", (event) => {
  event.preventDefault();
  tryLogIn($("user").value, $("password").value);
});

// The address printed at start brings the token behind a "#", which no browser sends anywhere. It is not left there.
const printed = decodeURIComponent(location.hash.slice(1));
if (printed && !document.getElementById(printed)) {
  history.replaceState(null, "", location.pathname);
  await tryLogIn("admin", printed);
} else {
  const role = await session().catch(() => null);
  if (role) showDesk(role);
  else showLogin("");
}
