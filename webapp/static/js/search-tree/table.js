// The same tree as an indented table for keyboards and screen readers: rows are made when their parent is opened.

import { RECORDED_WORDS, STATUS_SIGNS, STATUS_WORDS } from "./data.js";
import { number, oneLine, signed } from "./words.js";

const COLUMNS = [
  ["visits", (v, node) => v.replay.visits[node], (x) => String(x)],
  ["quality", (v, node) => v.replay.quality(node), signed],
  ["q", (v, node) => v.replay.q[node], signed],
  ["score", (v, node) => v.tree.score[node], signed],
  ["surprise", (v, node) => v.tree.surprise[node], number],
  ["entropy", (v, node) => v.tree.entropy[node], number],
  ["advantage", (v, node) => v.tree.advantage[node], signed],
  ["loss_share", (v, node) => v.tree.loss_share[node], (x) => (Number.isNaN(x) ? "–" : `${number(100 * x, 2)} %`)],
  ["tokens", (v, node) => v.tree.tokens[node], (x) => String(x)],
];
const CHUNK = 200; // rows made at once

export class Table {
  constructor(root, viewer) {
    this.root = root;
    this.viewer = viewer;
    this.body = root.querySelector("tbody");
    this.opened = new Set();
    this.limits = new Map(); // rows shown of a parent with very many children
    this.sort = ["", 1];
    this.body.addEventListener("keydown", (event) => this.#walk(event));
    this.body.addEventListener("click", (event) => this.#click(event));
    this.body.addEventListener("focusin", (event) => {
      const row = event.target.closest("tr[data-node]");
      if (row && Number(row.dataset.node) !== viewer.selected) viewer.select(Number(row.dataset.node), { walk: true });
    });
    root.querySelector("thead").addEventListener("click", (event) => this.#sortBy(event.target.closest("[data-sort]")));
  }

  /** Opens whatever leads to a node. */
  reveal(node) {
    for (const above of this.viewer.tree.path(node).slice(0, -1)) this.opened.add(above);
  }

  redraw() {
    const { viewer } = this;
    const focused = this.body.contains(document.activeElement);
    this.opened.add(0);
    if (viewer.selected > 0) this.reveal(viewer.selected);
    const rows = [];
    this.#rows(0, 1, 1, 1, rows);
    this.body.replaceChildren(...rows);
    viewer.texts.want(rows.map((row) => Number(row.dataset.node)).filter((node) => node > 0));
    this.mark(focused);
  }

  /** Moves the mark of the selection, and the focus with it. */
  mark(focus) {
    for (const row of this.body.querySelectorAll("[tabindex='0']")) {
      row.tabIndex = -1;
      row.setAttribute("aria-selected", "false");
    }
    const row = this.row(Math.max(this.viewer.selected, 0)) ?? this.body.firstElementChild;
    if (!row) return;
    row.tabIndex = 0;
    row.setAttribute("aria-selected", String(Number(row.dataset.node) === this.viewer.selected));
    if (focus) row.focus({ preventScroll: true });
    if (focus || this.viewer.selected > 0) row.scrollIntoView({ block: "nearest" });
  }

  row(node) {
    return this.body.querySelector(`tr[data-node="${node}"]`);
  }

  arrived(nodes) {
    for (const node of nodes) {
      const cell = this.row(node)?.querySelector(".step");
      if (cell) cell.textContent = this.#text(node);
    }
  }

  #text(node) {
    return node === 0 ? "problem" : oneLine(this.viewer.texts.get(node) ?? "…", 80) || "(no text)";
  }

  #children(node) {
    const { viewer } = this;
    const kids = Array.from(viewer.tree.children(node)).filter((kid) => viewer.replay.isBorn(kid));
    const column = COLUMNS.find(([key]) => key === this.sort[0]);
    if (!column) return kids;
    const value = (kid) => column[1](viewer, kid);
    const key = (kid) => (Number.isNaN(value(kid)) ? -Infinity * this.sort[1] : value(kid));
    return kids.sort((a, b) => (key(a) === key(b) ? a - b : this.sort[1] * (key(a) < key(b) ? -1 : 1)));
  }

  #rows(node, depth, place, size, rows) {
    rows.push(this.#made(node, depth, place, size));
    if (!this.opened.has(node)) return;
    const kids = this.#children(node);
    const most = this.limits.get(node) ?? CHUNK;
    kids.slice(0, most).forEach((kid, i) => this.#rows(kid, depth + 1, i + 1, kids.length, rows));
    if (kids.length > most) rows.push(this.#more(node, depth + 1, kids.length - most));
  }

  #made(node, depth, place, size) {
    const { tree, replay } = this.viewer;
    const row = document.createElement("tr");
    row.dataset.node = node;
    row.tabIndex = -1;
    row.setAttribute("aria-level", depth);
    row.setAttribute("aria-posinset", place);
    row.setAttribute("aria-setsize", size);
    row.setAttribute("aria-selected", "false");
    const hasKids = this.#children(node).length > 0;
    if (hasKids) row.setAttribute("aria-expanded", String(this.opened.has(node)));
    const head = cell(row, "", "th");
    head.scope = "row";
    head.style.setProperty("--level", depth - 1);
    const twist = document.createElement("span");
    twist.className = "twist";
    twist.setAttribute("aria-hidden", "true");
    twist.textContent = hasKids ? (this.opened.has(node) ? "▾" : "▸") : "";
    const text = document.createElement("span");
    text.className = "step";
    text.textContent = this.#text(node);
    head.append(twist, text);
    const status = replay.status(node);
    const recorded = replay.recorded(node);
    cell(row, `${STATUS_SIGNS[status]} ${STATUS_WORDS[status]}${recorded ? `, recorded as ${RECORDED_WORDS[recorded]}` : ""}`);
    for (const [, value, write] of COLUMNS) cell(row, write(value(this.viewer, node)), "td", "num");
    if (tree.rollouts.has(node)) row.classList.add("recorded");
    return row;
  }

  #more(parent, depth, left) {
    const row = document.createElement("tr");
    row.setAttribute("aria-level", depth);
    const td = cell(row, "");
    td.colSpan = COLUMNS.length + 2;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small";
    button.dataset.more = parent;
    button.textContent = `${left.toLocaleString("en")} more siblings`;
    td.append(button);
    return row;
  }

  #sortBy(button) {
    if (!button) return;
    const key = button.dataset.sort;
    this.sort = this.sort[0] === key ? (this.sort[1] < 0 ? [key, 1] : ["", 1]) : [key, -1];
    for (const th of this.root.querySelectorAll("thead th")) {
      const isSorted = th.querySelector("[data-sort]")?.dataset.sort === this.sort[0];
      if (isSorted) th.setAttribute("aria-sort", this.sort[1] < 0 ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    }
    this.redraw();
  }

  #click(event) {
    const more = event.target.closest("[data-more]");
    if (more) {
      const parent = Number(more.dataset.more);
      this.limits.set(parent, (this.limits.get(parent) ?? CHUNK) + CHUNK);
      this.redraw();
      return;
    }
    const row = event.target.closest("tr[data-node]");
    if (!row) return;
    this.viewer.select(Number(row.dataset.node), {});
    if (event.target.closest(".twist")) this.toggle(Number(row.dataset.node));
  }

  toggle(node, open = !this.opened.has(node)) {
    if (open) this.opened.add(node);
    else this.opened.delete(node);
    this.redraw();
    this.row(node)?.focus();
  }

  #walk(event) {
    const row = event.target.closest("tr[data-node]");
    if (!row || event.target !== row || event.ctrlKey || event.metaKey || event.altKey) return;
    const node = Number(row.dataset.node);
    const rows = [...this.body.querySelectorAll("tr[data-node]")];
    const at = rows.indexOf(row);
    const isOpen = row.getAttribute("aria-expanded");
    const moves = {
      ArrowDown: () => rows[at + 1]?.focus(),
      ArrowUp: () => rows[at - 1]?.focus(),
      Home: () => rows[0].focus(),
      End: () => rows.at(-1).focus(),
      ArrowRight: () => (isOpen === "false" ? this.toggle(node, true) : isOpen && rows[at + 1]?.focus()),
      ArrowLeft: () => (isOpen === "true" ? this.toggle(node, false) : this.row(this.viewer.tree.parent[node])?.focus()),
      " ": () => isOpen && this.toggle(node),
      Enter: () => this.viewer.openPanel(),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    moves[event.key]();
  }
}

function cell(row, text, name = "td", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  row.append(made);
  return made;
}
