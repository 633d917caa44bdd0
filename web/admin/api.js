// How the desk talks to the tower: one function for requests, one that follows its status.

const TIME_MAX_MS = 5000;
const STATUS_MS = 1000;
const BUSY_STATUS_MS = 5000;
// What an action changes is in the status a moment later.
const ACTION_MS = 250;

// Given by the tower to this page alone; what changes something is refused without it.
let token = "";
let lookSoon = () => {};
// Ends the requests under way at the logout: they would be refused.
let sessionEnds = new AbortController();

/** Thrown when the session is over: the page asks for the password again. */
export class LoggedOut extends Error {}

/** One request; the answer's JSON. An error says what the tower says. */
export async function ask(method, path, body, timeMaxMs = TIME_MAX_MS) {
  const answer = await fetch(path, {
    method,
    cache: "no-store",
    credentials: "same-origin",
    headers: { "X-Tower-Token": token, ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
    signal: AbortSignal.any([AbortSignal.timeout(timeMaxMs), sessionEnds.signal]),
  });
  const json = await answer.json().catch(() => ({}));
  if (method !== "GET") lookSoon();
  if (answer.ok) return json;
  const text = json.error || `the tower answers ${answer.status}`;
  if (answer.status === 401 && path !== "/api/session") throw new LoggedOut(text);
  throw new Error(text);
}

/** The role of whoever is logged in here already; null: nobody is. */
export async function session() {
  const now = await ask("GET", "/api/session");
  token = now.token || "";
  return now.role;
}

export async function logIn(user, password) {
  const now = await ask("POST", "/api/session", { user, password });
  token = now.token;
  return now.role;
}

export async function logOut() {
  sessionEnds.abort();
  sessionEnds = new AbortController();
  await ask("DELETE", "/api/session");
  token = "";
}

/**
 * Calls `tell` with the tower's status whenever there is a newer one, and `fail` when there is none, until the function
 * that it returns is called. It asks each second, on a machine that is too busy each fifth, and at
 * once when the tower says that something has happened.
 */
export function follow(tell, fail) {
  let timer = 0;
  let goesOn = true;
  let isLooking = false;
  let isStale = false;
  let pauseMs = STATUS_MS;
  const look = async () => {
    clearTimeout(timer);
    isStale = true;
    if (isLooking) return;
    isLooking = true;
    isStale = false;
    try {
      const status = await ask("GET", "/status");
      pauseMs = status.machine?.left_out.length ? BUSY_STATUS_MS : STATUS_MS;
      if (goesOn) await tell(status);
    } catch (fault) {
      if (goesOn) fail(fault);
    }
    isLooking = false;
    clearTimeout(timer);
    if (goesOn) timer = setTimeout(look, isStale ? 0 : pauseMs);
  };
  lookSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(look, ACTION_MS);
  };
  look();
  const events = new EventSource("/events");
  events.onmessage = look;
  return () => {
    goesOn = false;
    events.close();
    lookSoon = () => {};
    clearTimeout(timer);
  };
}
