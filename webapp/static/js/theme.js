// Applies the reader's choice of light or dark before the first paint; without a choice the system's counts.
const system = matchMedia("(prefers-color-scheme: dark)");

function apply() {
  const chosen = localStorage.getItem("theme") || "system";
  document.documentElement.dataset.theme = chosen === "system" ? (system.matches ? "dark" : "light") : chosen;
  document.documentElement.dataset.themeChoice = chosen;
}

apply();
system.addEventListener("change", apply);

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-toggle]");
  if (!button) return;
  const dark = document.documentElement.dataset.theme === "dark";
  localStorage.setItem("theme", dark ? "light" : "dark");
  apply();
  document.dispatchEvent(new CustomEvent("espalier:theme"));
});
