// Refuses a file that is too large before it travels, and says that an upload is under way.

function tooLarge(input) {
  const limit = Number(input.dataset.maxBytes);
  const file = [...input.files].find((each) => each.size > limit);
  if (!file) return "";
  const mebibytes = (bytes) => Math.ceil(bytes / 2 ** 20).toLocaleString();
  return `${file.name} has ${mebibytes(file.size)} MiB; at most ${mebibytes(limit)} MiB are taken.`;
}

for (const form of document.querySelectorAll("form[data-upload]")) {
  const state = form.querySelector("[data-upload-state]");
  form.addEventListener("change", (event) => {
    if (event.target.type === "file") {
      event.target.setCustomValidity(tooLarge(event.target));
      event.target.reportValidity();
    }
  });
  form.addEventListener("submit", () => {
    state.textContent = state.dataset.uploadState || "Uploading…";
    form.querySelector("button.primary").disabled = true;
  });
}
