// The list of problems with verified solutions: walked by keyboard. Enter follows the link that has the focus.

import { singleKeysWork } from "./rollouts.js";

function walk(event) {
  if (!singleKeysWork(event) || document.querySelector("dialog[open]")) return;
  if (event.key !== "j" && event.key !== "k") return;
  const links = [...document.querySelectorAll("[data-walk] [data-opens]")];
  const at = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
  const to = event.key === "j" ? Math.min(at + 1, links.length - 1) : Math.max(at - 1, 0);
  links[to]?.focus();
  event.preventDefault();
}

document.addEventListener("keydown", walk);
