// Renews a page that is served while its runs go on: asks what is out of date, and puts those sections in place.
const follow = (known) => {
  const main = document.getElementById("main");
  const footer = main.querySelector("footer");
  const folds = (section) => [...section.querySelectorAll("details")];
  const put = async (name, after) => {
    const answer = await fetch(`section/${encodeURIComponent(name)}`);
    if (!answer.ok) return;
    const fresh = document.createElement("section");
    fresh.id = name;
    fresh.innerHTML = await answer.text(); // templates escaped every text in it; the policy allows no inline handler
    const old = document.getElementById(name);
    if (old) {
      const open = folds(old).map((fold) => fold.open);
      folds(fresh).forEach((fold, place) => (fold.open = open[place] ?? fold.open));
      old.replaceWith(fresh);
    } else if (after) after.after(fresh);
    else main.prepend(fresh);
    attach(fresh);
  };
  const navigate = (links) => {
    const nav = main.querySelector("nav");
    if (!nav) return;
    nav.replaceChildren(
      ...links.map(([target, text]) => Object.assign(document.createElement("a"), { href: `#${target}`, textContent: text })),
    );
  };
  const look = async () => {
    try {
      const state = await (await fetch("state")).json();
      document.title = `${state.title} - secondthought`;
      for (const [place, name] of state.order.entries()) {
        const section = document.getElementById(name);
        // Whoever types or reads with the keyboard in a section keeps it until they leave it.
        if (section && (known[name] === state.digests[name] || section.contains(document.activeElement))) continue;
        await put(name, document.getElementById(state.order[place - 1]));
        known[name] = state.digests[name];
      }
      navigate(state.links);
      footer.dataset.live = "on";
    } catch {
      footer.dataset.live = "off";
    }
    setTimeout(look, 2000);
  };
  setTimeout(look, 2000);
};
