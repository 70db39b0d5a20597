// The form of a config: shows what is chosen, marks what is wrong or changed, finds knobs, and keeps a draft of a new run
// or asks before changes to a recipe's stage are left. The server decides everything; it is asked after each change, and
// its preview says what to mark.

const form = document.getElementById("run-form");
const preview = document.getElementById("preview");
const start = document.getElementById("start-run");
const fields = new Map([...form.querySelectorAll("[data-name]")].map((field) => [field.dataset.name, field]));
const knobs = [...fields.values()].filter((field) => field.classList.contains("knob"));

function inputs(name) {
  return [...form.querySelectorAll(`[name="${CSS.escape(name)}"]`)];
}

function valueOf(name) {
  const [first, ...others] = inputs(name);
  if (first.type === "radio") return [first, ...others].find((radio) => radio.checked)?.value ?? "";
  return first.type === "checkbox" ? (first.checked ? "on" : "") : first.value;
}

function setValue(name, value) {
  for (const input of inputs(name)) {
    if (input.type === "radio") input.checked = input.value === value;
    else if (input.type === "checkbox") input.checked = value === "on";
    else input.value = value;
  }
}

function focusOn(name) {
  const field = fields.get(name);
  if (!field) return;
  field.closest("details")?.setAttribute("open", "");
  if (getComputedStyle(field).display === "none") showView("advanced");
  const chosen = inputs(name);
  (chosen.find((input) => input.checked) ?? chosen[0]).focus();
  field.scrollIntoView({ block: "center" });
}

// "a=1|b=2 c=3": one of the first two and the third.
function holds(conditions) {
  return (conditions ?? "").split(" ").filter(Boolean).every((anyOf) => anyOf.split("|").some((condition) => {
    const [name, value] = condition.split("=");
    return valueOf(name) === value;
  }));
}

// What is chosen decides which knobs count. One that is wrong stays in sight, though it changes nothing now.
function showChosen() {
  for (const knob of knobs) {
    const { when, needs } = knob.dataset;
    knob.hidden = !holds(when) || !(holds(needs) || knob.classList.contains("has-error"));
  }
  for (const note of form.querySelectorAll("[data-given-by]")) {
    const [select] = inputs(note.dataset.givenBy);
    note.hidden = !select.value;
    note.querySelector("strong").textContent = select.selectedOptions[0]?.text ?? "";
  }
}

function changed() {
  showChosen();
  saveDraft();
  form.dispatchEvent(new Event("change", { bubbles: true }));
}

// What the server found, put beside the widgets.
function markKnobs() {
  const card = preview.querySelector("[data-call]");
  if (start.textContent !== card.dataset.call) {
    start.textContent = card.dataset.call;
    document.getElementById("announcer").textContent = card.dataset.call;
  }
  start.dataset.first = card.dataset.first;
  const faults = new Map([...card.querySelectorAll("[data-error-for]")].map((item) => [
    item.dataset.errorFor, item.querySelector("[data-message]").textContent,
  ]));
  const changes = new Set([...card.querySelectorAll("[data-changed]")].map((item) => item.dataset.changed));
  for (const knob of knobs) {
    knob.classList.toggle("changed", changes.has(knob.dataset.name));
    showError(knob, faults.get(knob.dataset.name));
  }
  for (const section of form.querySelectorAll(".faults")) section.replaceChildren();
  showChosen();
}

function showError(knob, message) {
  const id = `id_${knob.dataset.name}_error`;
  knob.classList.toggle("has-error", message !== undefined);
  for (const input of inputs(knob.dataset.name)) {
    input.toggleAttribute("aria-invalid", false);
    if (message !== undefined) input.setAttribute("aria-invalid", "true");
    const help = `id_${knob.dataset.name}_helptext`;
    input.setAttribute("aria-describedby", message === undefined ? help : `${help} ${id}`);
  }
  knob.querySelector(".errorlist")?.remove();
  if (message === undefined) return;
  const list = document.createElement("ul");
  list.className = "errorlist";
  list.id = id;
  list.append(Object.assign(document.createElement("li"), { textContent: message }));
  knob.append(list);
}

// Simple or advanced: in the address, and remembered.
function showView(view) {
  form.dataset.view = view;
  for (const link of document.querySelectorAll(".toolbar [data-view]")) {
    link.toggleAttribute("aria-current", false);
    if (link.dataset.view === view) link.setAttribute("aria-current", "true");
  }
  localStorage.setItem("configure-view", view);
  const address = new URL(location.href);
  if (view === "advanced") address.searchParams.set("view", view);
  else address.searchParams.delete("view");
  history.replaceState(history.state, "", address);
}

// Search: every word must stand somewhere in the knob's name, label or help.
function search(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  form.classList.toggle("searching", words.length > 0);
  let found = 0;
  for (const knob of knobs) {
    const content = `${knob.dataset.name} ${knob.textContent}`.toLowerCase();
    const match = words.length > 0 && words.every((word) => content.includes(word));
    knob.classList.toggle("found", match);
    if (match && !knob.hidden) found += 1;
  }
  document.getElementById("search-count").textContent = words.length ? `${found} found` : "";
}

// The draft of a new run: what differs from the starting values, kept until the run it became is known to the server.
const keepsDraft = "started" in form.dataset;
const address = new URL(form.action);
const draftKey = `draft:${form.dataset.user}:${address.pathname}${address.search}`;
const startId = () => inputs("run-start_id")[0].value;

// Going back and starting again must not start a second run: the start id belongs to this entry of the history.
function keepStartId() {
  if (!keepsDraft) return;
  const known = history.state?.startId;
  if (known && !form.hasAttribute("data-sent")) setValue("run-start_id", known);
  else history.replaceState({ ...history.state, startId: startId() }, "");
}

// Names and values that are not as they were at the start.
function entered() {
  const values = {};
  for (const [name, field] of fields) {
    const value = valueOf(name);
    if (value !== field.dataset.start) values[name] = value;
  }
  return values;
}

function saveDraft() {
  if (!keepsDraft) return;
  const values = entered();
  if (Object.keys(values).length) {
    localStorage.setItem(draftKey, JSON.stringify({ at: Date.now(), startId: startId(), values }));
  } else {
    localStorage.removeItem(draftKey);
  }
}

function restoreDraft() {
  if (!keepsDraft) return;
  const draft = JSON.parse(localStorage.getItem(draftKey) ?? "null");
  if (!draft) return;
  if (form.dataset.started.split(" ").includes(draft.startId)) {
    localStorage.removeItem(draftKey);
    return;
  }
  for (const [name, value] of Object.entries(draft.values)) {
    if (fields.has(name)) setValue(name, value);
  }
  document.getElementById("draft-time").textContent = new Date(draft.at).toLocaleString(undefined, { timeStyle: "short" });
  document.getElementById("draft-notice").hidden = false;
  changed();
}

form.addEventListener("input", () => { showChosen(); saveDraft(); });
form.addEventListener("submit", (event) => {
  if (event.submitter && event.submitter !== start) return;
  if (start.getAttribute("aria-disabled") === "true") event.preventDefault();
  saveDraft();
  start.setAttribute("aria-disabled", "true");
});
window.addEventListener("pageshow", () => start.removeAttribute("aria-disabled"));
window.addEventListener("beforeunload", (event) => {
  const isSent = start.getAttribute("aria-disabled") === "true";
  if (!keepsDraft && !isSent && Object.keys(entered()).length) event.preventDefault();
});
preview.addEventListener("htmx:afterSwap", markKnobs);

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-to], [data-fix], [data-reset], a[data-view], #draft-discard");
  if (!link) return;
  if (link.dataset.to) {
    event.preventDefault();
    focusOn(link.dataset.to);
  } else if (link.dataset.fix) {
    for (const [name, value] of Object.entries(JSON.parse(link.dataset.fix))) setValue(name, String(value));
    changed();
  } else if (link.dataset.reset) {
    setValue(link.dataset.reset, fields.get(link.dataset.reset).dataset.start);
    changed();
    if (!preview.contains(link)) inputs(link.dataset.reset)[0].focus();
  } else if (link.id === "draft-discard") {
    for (const [name, field] of fields) setValue(name, field.dataset.start);
    document.getElementById("draft-notice").hidden = true;
    changed();
  } else {
    event.preventDefault();
    showView(link.dataset.view);
  }
});

// The button names what is missing: then it leads there. A change the server has not seen yet may have mended it.
let asked = 0;
let answered = 0;
form.addEventListener("change", () => { asked = Date.now(); });
form.addEventListener("input", () => { asked = Date.now(); });
preview.addEventListener("htmx:afterSwap", () => { answered = Date.now(); });
start.addEventListener("click", (event) => {
  if (start.dataset.first && answered >= asked) {
    event.preventDefault();
    focusOn(start.dataset.first);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !document.querySelector("dialog[open]")) {
    event.preventDefault();
    start.click();
  }
  if (event.key === "/" && !event.target.closest("input, textarea, select") && !document.querySelector("dialog[open]")) {
    event.preventDefault();
    document.getElementById("knob-search").focus();
  }
});

const searchBox = document.getElementById("knob-search");
searchBox.addEventListener("input", () => search(searchBox.value));
searchBox.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    searchBox.value = "";
    search("");
  }
});

if (!new URL(location.href).searchParams.has("view") && localStorage.getItem("configure-view") === "advanced") {
  showView("advanced");
}
keepStartId();
showChosen();
search(searchBox.value);
// Only then does the preview listen.
document.addEventListener("DOMContentLoaded", () => {
  if (form.hasAttribute("data-sent")) {
    saveDraft();
    history.replaceState(history.state, "", form.action);
    form.querySelector('[aria-invalid="true"]')?.focus();
  } else {
    restoreDraft();
  }
});
