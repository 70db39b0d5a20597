// JSON from our own server, patiently: a lost connection is said on the page and tried again ever more rarely.

class ConnectionLost extends Error {}

const FIRST_WAIT_S = 1;
const LONGEST_WAIT_S = 30;

export async function getJSON(address) {
  let response;
  try {
    response = await fetch(address, { headers: { Accept: "application/json" }, cache: "no-store" });
  } catch {
    throw new ConnectionLost();
  }
  if (response.redirected && !response.headers.get("content-type")?.includes("json")) {
    say("You are logged out. Load the page again to log in.");
    throw new Error("logged out");
  }
  if (response.status >= 500) throw new ConnectionLost();
  if (!response.ok) throw new Error(`${response.status} from ${address}`);
  return response.status === 204 ? null : response.json(); // 204: nothing new
}

// Like getJSON, but does not give up while the server cannot be reached.
export async function getPatiently(address) {
  for (let wait = FIRST_WAIT_S; ; wait = Math.min(2 * wait, LONGEST_WAIT_S)) {
    try {
      const body = await getJSON(address);
      say("");
      return body;
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      say(`Connection lost. Runs go on; trying again in ${wait} s.`);
      await pause(1000 * wait);
    }
  }
}

export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export function say(text) {
  const note = document.getElementById("connection");
  if (!note || note.textContent === text) return;
  note.textContent = text;
  note.hidden = text === "";
}
