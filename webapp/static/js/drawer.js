// The rollouts behind a point of a chart, in a drawer. It has its place in the browser's history: back closes it, and
// coming back to the page opens it again.

const drawer = document.getElementById("step-drawer");

export function openStep(charts, source, step, split, title) {
  const address = charts.dataset[`step-${source}`];
  if (!address) return;
  const state = { drawer: `${address.replace(charts.dataset.stepPlace, step)}?split=${split}`, title };
  if (drawer.open) history.replaceState(state, "");
  else history.pushState(state, "");
  show(state);
}

function show(state) {
  const body = drawer.querySelector("[data-drawer-body]");
  drawer.querySelector("h2").textContent = state.title;
  drawer.querySelector("[data-drawer-page]").href = state.drawer;
  body.textContent = "Loading…";
  htmx.ajax("GET", state.drawer, { source: body, target: body, swap: "innerHTML" });
  if (!drawer.open) drawer.showModal();
}

if (drawer) {
  drawer.addEventListener("close", () => {
    if (history.state?.drawer) history.back();
  });
  drawer.addEventListener("htmx:afterSettle", () => {
    const shown = drawer.querySelector("[data-address]"); // the reader may have gone on to another step
    if (!shown || !history.state?.drawer) return;
    drawer.querySelector("[data-drawer-page]").href = shown.dataset.address;
    history.replaceState({ ...history.state, drawer: shown.dataset.address }, "");
  });
  addEventListener("popstate", () => {
    if (history.state?.drawer) show(history.state);
    else if (drawer.open) drawer.close();
  });
  if (history.state?.drawer) show(history.state);
}
