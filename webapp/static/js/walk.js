// Lists walked by keyboard: j and k go from row to row, or from card to card, of a [data-walk]; x ticks and p pins the
// one that has the focus. Rows give the focus to their link, so that Enter opens it; cards keep it and open on Enter.

import { singleKeysWork } from "./rollouts.js";

const LIST = "[data-walk], rollout-group";
const ITEMS = "tr:has([data-opens]), .sibling";

function goTo(item) {
  const target = item?.hasAttribute("tabindex") ? item : item?.querySelector("[data-opens]");
  target?.focus();
  target?.scrollIntoView({ block: "nearest" });
}

function walk(event) {
  const list = document.querySelector(LIST);
  if (!list || !singleKeysWork(event) || document.querySelector("dialog[open]")) return;
  const items = [...list.querySelectorAll(ITEMS)];
  const at = items.findIndex((item) => item.contains(document.activeElement));
  const here = items[at];
  if (event.key === "j") goTo(items[Math.min(at + 1, items.length - 1)]);
  else if (event.key === "k") goTo(items[Math.max(at - 1, 0)]);
  else if (here && event.key === "x") here.querySelector("[type=checkbox]")?.click();
  else if (here && event.key === "p") here.querySelector(".pin")?.click();
  else if (here && event.key === "Enter" && event.target === here) here.querySelector("[data-opens]").click();
  else return;
  event.preventDefault();
}

document.addEventListener("keydown", walk);
