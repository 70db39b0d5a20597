// The rollouts behind a point of a chart, in a drawer; the address of the page that holds them stays one click away.

const drawer = document.getElementById("step-drawer");

export function openStep(charts, source, step, split, title) {
  const address = charts.dataset[`step-${source}`];
  if (!address) return;
  const page = `${address.replace(charts.dataset.stepPlace, step)}?split=${split}`;
  drawer.querySelector("h2").textContent = title;
  const body = drawer.querySelector("[data-drawer-body]");
  drawer.querySelector("[data-drawer-page]").href = page;
  body.textContent = "Loading…";
  htmx.ajax("GET", page, { target: body, swap: "innerHTML" });
  if (drawer.open) return;
  drawer.showModal();
  history.pushState({ drawer: true }, "");
}

if (drawer) {
  drawer.addEventListener("close", () => {
    if (history.state?.drawer) history.back();
  });
  drawer.addEventListener("htmx:afterSettle", () => {
    const shown = drawer.querySelector("[data-address]"); // the reader may have gone on to another step
    if (shown) drawer.querySelector("[data-drawer-page]").href = shown.dataset.address;
  });
  addEventListener("popstate", () => {
    if (drawer.open) drawer.close();
  });
}
