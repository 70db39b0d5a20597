// Refuses a file that is too large before it travels, says that a form is under way, and sends it once.

function tooLarge(input) {
  const limit = Number(input.dataset.maxBytes);
  const file = [...input.files].find((each) => each.size > limit);
  if (!file) return "";
  const mebibytes = (bytes) => Math.ceil(bytes / 2 ** 20).toLocaleString();
  return `${file.name} has ${mebibytes(file.size)} MiB; at most ${mebibytes(limit)} MiB are taken.`;
}

document.addEventListener("change", (event) => {
  if (event.target.type === "file" && event.target.closest("form[data-upload]")) {
    event.target.setCustomValidity(tooLarge(event.target));
    event.target.reportValidity();
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-upload]");
  if (!form) return;
  const state = form.querySelector("[data-upload-state]");
  state.textContent = state.dataset.uploadState || "Uploading…";
  form.querySelector("button.primary").disabled = true;
});

// Coming back through history shows the form as it was left.
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("form[data-upload] button.primary")) button.disabled = false;
});
