// Reads any point of a chart out: under the pointer, or by the arrow keys. The values are in the lines' data-points.
const attachCharts = (root) => {
  const number = (value) => Number(value.toPrecision(3)).toString();
  const parse = (text) => text.split(" ").map((point) => point.split(",").map(Number));
  const reader = (svg) => {
    const percent = svg.dataset.unit === "%";
    const show = (value) => (percent ? `${number(100 * value)}%` : number(value));
    const lines = [...svg.querySelectorAll("[data-points]")].map((path) => ({
      label: path.dataset.label,
      points: parse(path.dataset.points),
      places: path.getAttribute("d").slice(1).split("L").map((place) => Number(place.split(" ")[0])),
    }));
    const said = ({ label, points }, step) => {
      const [, y, low, high] = points.find(([x]) => x === step) ?? [];
      const span = high === undefined ? "" : ` [${show(low)}, ${show(high)}]`;
      return y === undefined ? [] : [`${label} ${show(y)}${span}`];
    };
    const places = new Map(lines.flatMap(({ points, places }) => points.map(([x], index) => [x, places[index]])));
    const steps = [...places.keys()].sort((a, b) => a - b);
    return { steps, places, read: (step) => `step ${step}: ${lines.flatMap((line) => said(line, step)).join("; ")}` };
  };
  const attach = (svg) => {
    const { steps, places, read } = reader(svg);
    if (steps.length === 0) return;
    const out = document.createElement("p");
    out.className = "readout";
    out.setAttribute("aria-live", "polite");
    const guide = document.createElementNS(svg.namespaceURI, "path");
    guide.setAttribute("class", "guide");
    svg.append(guide);
    svg.after(out);
    svg.tabIndex = 0;
    let at = steps.length - 1;
    const show = (index) => {
      at = Math.max(0, Math.min(steps.length - 1, index));
      guide.setAttribute("d", `M${places.get(steps[at])} 10V${svg.viewBox.baseVal.height - 36}`);
      out.textContent = read(steps[at]);
    };
    const nearest = (x) =>
      steps.reduce((best, step, index) => {
        const distance = Math.abs(places.get(step) - x);
        return distance < best.distance ? { index, distance } : best;
      }, { index: 0, distance: Infinity }).index;
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      show(nearest(((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width));
    });
    svg.addEventListener("focus", () => show(at));
    svg.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: steps.length - 1 };
      if (!(event.key in moves)) return;
      event.preventDefault();
      show(moves[event.key]);
    });
  };
  root.querySelectorAll("svg.chart").forEach((svg) => svg.querySelector("[data-points]") && attach(svg));
  root.querySelectorAll(".with-script").forEach((hint) => (hint.hidden = false));
};
