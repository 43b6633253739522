// Mounts the figures in the order of the page, and draws them again when the page changes.
(function (W) {
  "use strict";

  const ORDER = ["frontier", "map", "hours", "merit", "duration", "benefit", "policies", "relocation", "breakeven", "why", "layers"];
  const figures = ORDER.map((id) => W.figures.find((figure) => figure.spec.id === id));
  const main = document.getElementById("figures");
  const contents = document.getElementById("contents");

  for (const figure of figures) {
    try {
      figure.mount(main);
    } catch (error) {
      // One broken picture must not take the others with it; the console still shows it.
      console.error(error);
      figure.root.append(W.el("p", { class: "answer" }, `This picture could not be drawn: ${error.message}`));
    }
    const link = W.el("a", { href: `#figure-${figure.spec.id}` }, figure.spec.question);
    // The address holds the choices; jumping to a figure must not erase them.
    link.addEventListener("click", (event) => {
      event.preventDefault();
      figure.root.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    });
    contents.append(W.el("li", { class: figure.root.classList.contains("absent") ? "absent" : null }, link));
  }

  const redraw = () => figures.forEach((figure) => figure.draw());
  let width = innerWidth;
  let waiting = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(redraw, 120);
  });
  addEventListener("hashchange", () => {
    W.reread();
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  const root = document.documentElement;
  addEventListener("beforeprint", () => {
    root.classList.add("printing");
    redraw();
  });
  addEventListener("afterprint", () => {
    root.classList.remove("printing");
    redraw();
  });
  root.classList.add("ready");
})(window.Wattlas);
