(() => {
  const groups = [...document.querySelectorAll(".group")];
  const form = document.getElementById("browse");
  if (!form || groups.length === 0) return;
  const steps = form.elements.step;
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
    if (habits !== undefined) document.getElementById("groups").dataset.habits = habits;
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
    document.getElementById("shown").textContent = `${count} of ${groups.length} groups`;
  };
  form.addEventListener("change", (event) => {
    if (event.target.name === "run") fillSteps();
    show();
  });
  document.getElementById("earlier").addEventListener("click", () => move(-1));
  document.getElementById("later").addEventListener("click", () => move(1));
  const move = (by) => {
    const index = steps.selectedIndex + by;
    if (index >= 1 && index < steps.options.length) steps.selectedIndex = index;
    show();
  };
  form.hidden = false;
  fillSteps();
  show();
})();
