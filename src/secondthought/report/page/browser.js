// Shows the groups that fit the form, and says so where none does. Without it all groups are shown.
const attachBrowser = (root) => {
  const groups = [...root.querySelectorAll(".group")];
  const form = root.querySelector("#browse");
  if (!form || groups.length === 0) return;
  const at = (id) => root.querySelector(`#${id}`);
  const { step: steps, outcome } = form.elements;
  const wanted = () => Object.fromEntries(new FormData(form));
  const fillSteps = () => {
    const { run } = wanted();
    const shown = groups.filter((group) => group.dataset.run === run).map((group) => Number(group.dataset.step));
    steps.replaceChildren(
      new Option("all", ""),
      ...[...new Set(shown)].sort((a, b) => a - b).map((step) => new Option(String(step), String(step))),
    );
    if (steps.options.length > 1) steps.selectedIndex = steps.options.length - 1;
  };
  const show = () => {
    const { run, step, outcome, habits } = wanted();
    if (habits !== undefined) at("groups").dataset.habits = habits;
    let count = 0;
    for (const group of groups) {
      const data = group.dataset;
      const fits =
        data.run === run &&
        (!step || data.step === step) &&
        (!outcome || data.outcome === outcome || (outcome === "flat" && data.flat === "yes"));
      group.hidden = !fits;
      count += fits;
    }
    at("none-shown").hidden = count > 0;
    at("shown").textContent = `${count} of ${groups.length} groups`;
  };
  const move = (by) => {
    const index = steps.selectedIndex + by;
    if (index >= 1 && index < steps.options.length) steps.selectedIndex = index;
    show();
  };
  form.addEventListener("change", (event) => {
    if (event.target.name === "run") fillSteps();
    show();
  });
  at("earlier").addEventListener("click", () => move(-1));
  at("later").addEventListener("click", () => move(1));
  at("every").addEventListener("click", () => {
    steps.selectedIndex = outcome.selectedIndex = 0;
    show();
  });
  form.hidden = false;
  fillSteps();
  show();
};
