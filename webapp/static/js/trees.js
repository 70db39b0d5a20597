// The list of trees: what is ticked.

const list = document.getElementById("trees");

function showTicked() {
  const ticks = [...list.querySelectorAll("[name=trees]")];
  const count = ticks.filter((tick) => tick.checked).length;
  for (const button of list.querySelectorAll("[data-needs-ticks]")) button.disabled = count === 0;
  const note = list.querySelector("[data-ticked]");
  if (!note) return;
  note.textContent = count === 0 ? "Tick trees to pin or unpin them" : `${count} ticked`;
  list.querySelector("[data-tick-all]").checked = count > 0 && count === ticks.length;
}

if (list) {
  list.addEventListener("change", (event) => {
    if ("tickAll" in event.target.dataset) {
      for (const tick of list.querySelectorAll("[name=trees]")) tick.checked = event.target.checked;
    }
    showTicked();
  });
  list.addEventListener("htmx:afterSettle", showTicked); // more rows have come
  addEventListener("pageshow", showTicked); // the browser restores ticks on the way back
  showTicked();
}
