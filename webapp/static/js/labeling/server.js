// What a desk asks of its server. Every answer is one of: {ok, html | body}, {refused: sentence, status},
// {lost: true} (no connection, or the server fails), {loggedOut: true}.

const PATIENCE_MS = 20_000;

// The token changes when somebody logs in again, in another tab say; the cookie always has the one that counts.
function token() {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
}

// `as`: "html" for a fragment of the desk, "json" otherwise. `keepalive` lets it outlive the page.
export async function post(address, body, { as = "html", keepalive = false } = {}) {
  const headers = { "Content-Type": "application/json", "X-CSRFToken": token() };
  if (as === "html") headers["HX-Request"] = "true";
  else headers.Accept = "application/json";
  return ask(address, { method: "POST", headers, body: JSON.stringify(body), keepalive });
}

export function get(address) {
  return ask(address, { headers: { "HX-Request": "true" } });
}

async function ask(address, request) {
  let response;
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    response = await fetch(address, { ...request, cache: "no-store", redirect: "manual", signal });
    if (response.type === "opaqueredirect") return { loggedOut: true };
    if (response.status >= 500) return { lost: true };
    const isJSON = response.headers.get("content-type")?.includes("json");
    const content = isJSON ? await response.json() : await response.text();
    if (response.ok) return isJSON ? { ok: true, body: content } : { ok: true, html: content };
    if (isJSON) return { refused: content.error, status: response.status };
    // Our own refusals are JSON. What else is forbidden is a login that ended.
    if (response.status === 401 || response.status === 403) return { loggedOut: true };
    return { refused: `The server refused this (${response.status}). Reload the page.`, status: response.status };
  } catch {
    return { lost: true };
  }
}
