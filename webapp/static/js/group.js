// <rollout-group>: walks the siblings of a group by keyboard.
import { singleKeysWork } from "./rollouts.js";

class RolloutGroup extends HTMLElement {
  connectedCallback() {
    this.onKey = (event) => this.walk(event);
    document.addEventListener("keydown", this.onKey);
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.onKey);
  }

  walk(event) {
    if (!singleKeysWork(event) || document.querySelector("dialog[open]")) return;
    const siblings = [...this.querySelectorAll(".sibling")];
    const at = siblings.indexOf(document.activeElement?.closest(".sibling"));
    if (event.key === "j" || event.key === "k") {
      const to = event.key === "j" ? Math.min(at + 1, siblings.length - 1) : Math.max(at - 1, 0);
      siblings[to]?.focus();
      siblings[to]?.scrollIntoView({ block: "nearest" });
    } else if (at >= 0 && event.key === "Enter" && event.target === siblings[at]) {
      siblings[at].querySelector("[data-opens]").click();
    } else if (at >= 0 && event.key === "x") {
      siblings[at].querySelector("[name=pick]").click();
    } else {
      return;
    }
    event.preventDefault();
  }
}

customElements.define("rollout-group", RolloutGroup);
