// The form of a label project: adds lines to the rubric, and sends the form once.

const rubric = document.getElementById("rubric");
const adder = rubric.querySelector("[data-add-criterion]");

if (adder) {
  const count = rubric.querySelector("[name='rubric-TOTAL_FORMS']");
  const most = Number(rubric.querySelector("[name='rubric-MAX_NUM_FORMS']").value);
  const line = rubric.querySelector("[data-criterion]").innerHTML;
  adder.hidden = false;
  adder.addEventListener("click", () => {
    const lines = rubric.querySelector("[data-criteria]");
    lines.insertAdjacentHTML("beforeend", line.replaceAll("__prefix__", count.value));
    count.value = Number(count.value) + 1;
    adder.disabled = Number(count.value) >= most;
    lines.lastElementChild.querySelector("input:not([type='hidden'])").focus();
  });
}

document.getElementById("project").addEventListener("submit", (event) => {
  event.submitter.disabled = true;
});

// Coming back through history shows the page as it was left.
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("#project button.primary")) button.disabled = false;
});
