// One figure: a question, its answer in a sentence, choices, the picture, its data.
(function (W) {
  "use strict";

  const { el } = W;
  const figures = [];
  W.figures = figures;
  const ROWS_SHOWN = 400;

  // Each script of `figures` calls this once. The page brings the words of the figure: question,
  // needs, missing, part. spec: {controls(state): [...], draw(state, theme, width), without(words)}
  // draw returns {answer, alt, option | node, height, notes: [], columns: [], rows: [], empty}; empty
  // says that there is a sentence and nothing else. Figures of one part may share a choice.
  W.figure = (id, spec) => figures.push(new Figure({ ...W.words.get(id), ...spec }));

  class Figure {
    constructor(spec) {
      this.absent = spec.needs.filter((table) => !W.has(table));
      // What the results do not hold is said at the end, where it stands in nobody's way.
      this.spec = this.absent.length ? { ...spec, depth: "appendix" } : spec;
      this.chart = null;
      this.wanted = false;
    }

    // Whether somebody can see it: those of the appendix are closed until they are asked for.
    get open() {
      return this.root.tagName !== "DETAILS" || this.root.open;
    }

    mount(parent, level = "h2") {
      const { id, question } = this.spec;
      this.answer = el("p", { class: "answer", "aria-live": "polite" });
      this.controls = el("div", { class: "controls" });
      this.canvas = el("div", { class: "chart" });
      this.notes = el("div", { class: "notes" });
      this.tools = el("div", { class: "tools" });
      const heading = el(level, { id: `${id}-title`, class: "question" }, question);
      const around = { class: `figure ${this.spec.depth}`, id: `figure-${id}`, "aria-labelledby": `${id}-title` };
      this.root = this.spec.depth === "appendix"
        ? el("details", { ...around, ontoggle: () => this.open && this.show() }, el("summary", {}, heading))
        : el("section", around, heading);
      parent.append(this.root);
      if (this.absent.length) {
        this.root.classList.add("absent");
        const why = this.spec.without && this.spec.without(this.spec);
        this.root.append(el("p", { class: "answer" }, why || `${this.spec.missing} (table ${this.absent.join(", ")} is not in these results).`));
        return;
      }
      this.root.append(this.answer, this.controls, this.canvas, this.notes, this.tools);
      this.details = el("details", { ontoggle: () => this.fill() }, el("summary", {}, "Show the data as a table"));
      this.tools.append(
        el("button", { type: "button", class: "download", onclick: () => this.save() }, "Download CSV"),
        this.details,
      );
      this.canvas.classList.add("waiting");
    }

    // Draws it for the first time, or again where it changed while it was closed.
    show() {
      if (this.wanted && !this.stale) return;
      this.wanted = true;
      this.draw();
    }

    // Controls may depend on those before them; a choice that is not on offer falls back.
    defined(state) {
      const controls = [];
      for (const make of this.spec.controls || []) {
        const control = make(state);
        if (!control) continue;
        const key = this.address(control);
        const given = W.choice(key);
        if (control.kind === "range") {
          const value = given == null || Number.isNaN(Number(given)) ? control.standard : Number(given);
          state[control.key] = Math.min(control.max, Math.max(control.min, value));
        } else {
          const values = control.options.map(([value]) => value);
          state[control.key] = values.includes(given) ? given : (control.standard ?? values[0]);
        }
        controls.push({ ...control, value: state[control.key] });
      }
      return controls;
    }

    // A shared choice is one for all figures of its part of the page.
    address(control) {
      return `${control.shared || this.spec.id}.${control.key}`;
    }

    draw() {
      if (!this.details || !this.wanted) return;
      this.stale = !this.open;
      if (this.stale) return;
      // One broken picture must not take the others with it; the console still shows it.
      try {
        W.keepFocus(this.root, () => this.redraw());
      } catch (error) {
        console.error(error);
        this.answer.textContent = `This picture could not be drawn: ${error.message}`;
      }
    }

    redraw() {
      const state = {};
      const controls = this.defined(state);
      const theme = W.theme();
      const width = this.canvas.clientWidth || 640;
      const made = this.spec.draw(state, theme, width);
      this.made = made;
      this.canvas.classList.remove("waiting");
      this.answer.textContent = made.answer;
      this.tools.hidden = Boolean(made.empty);
      this.panel(controls);
      this.picture(made, theme, width);
      const notes = [...(made.notes || [])];
      for (const table of this.spec.needs) if (W.thinned[table]) notes.push(W.thinned[table]);
      this.notes.replaceChildren(...notes.map((note) => el("p", {}, note)));
      this.fill();
    }

    picture(made, theme, width) {
      this.canvas.setAttribute("role", made.node ? "group" : "img");
      this.canvas.setAttribute("aria-label", `${made.alt || this.spec.question} ${made.answer}`);
      if (made.node) {
        if (this.chart) this.chart.dispose();
        this.chart = null;
        this.canvas.style.height = "auto";
        for (const old of this.canvas.querySelectorAll(".inner")) echarts.getInstanceByDom(old)?.dispose();
        this.canvas.replaceChildren(made.node);
        if (made.mounted) made.mounted();
        return;
      }
      this.canvas.style.height = `${made.height || 380}px`;
      if (!this.chart) this.chart = echarts.init(this.canvas, null, { renderer: "svg" });
      this.chart.resize({ width, height: made.height || 380 });
      this.chart.setOption(W.dress(made.option, theme), { notMerge: true });
    }

    // Rebuilt only where the choices on offer changed, so that a slider keeps its grip.
    panel(controls) {
      const shape = JSON.stringify(controls.map((c) => [c.key, c.options, c.min, c.max]));
      if (shape !== this.shape) {
        this.shape = shape;
        this.controls.replaceChildren(...controls.map((control) => this.control(control)));
      }
      for (const control of controls) {
        const root = this.controls.querySelector(`[data-key="${control.key}"]`);
        if (control.kind === "choice") {
          for (const input of root.querySelectorAll("input")) input.checked = input.value === control.value;
        } else {
          const input = root.querySelector("select, input");
          if (document.activeElement !== input || input.tagName === "SELECT") input.value = control.value;
          if (control.kind === "range") {
            root.querySelector("output").textContent = control.say(control.value);
            input.setAttribute("aria-valuetext", control.say(control.value));
          }
        }
      }
    }

    set(control, value, standard) {
      W.choose(this.address(control), value, standard);
      this.draw();
      if (!control.shared) return;
      for (const other of figures) if (other !== this && other.spec.part === control.shared) other.draw();
    }

    control(control) {
      const { key, label, kind } = control;
      const first = control.standard ?? (control.options ? control.options[0][0] : control.min);
      const pick = (event) => this.set(control, event.target.value, first);
      const name = `${this.spec.id}-${key}`;
      if (kind === "choice") {
        return el(
          "fieldset", { class: "choice", "data-key": key }, el("legend", {}, label),
          ...control.options.map(([value, text]) =>
            el("label", {}, el("input", { type: "radio", name, value, onchange: pick }), el("span", {}, text)),
          ),
        );
      }
      if (kind === "select") {
        return el(
          "label", { class: "select", "data-key": key }, el("span", {}, label),
          el("select", { onchange: pick }, ...control.options.map(([value, text]) => el("option", { value }, text))),
        );
      }
      return el(
        "label", { class: "range", "data-key": key }, el("span", {}, label),
        el("input", { type: "range", min: control.min, max: control.max, step: control.step || "any", oninput: pick }),
        el("output", {}),
      );
    }

    fill() {
      if (!this.details.open || !this.made) return; // it is drawn when it is looked at, and filled then
      const { columns, rows } = this.made;
      const shown = rows.slice(0, ROWS_SHOWN);
      const more = rows.length > shown.length ? `The first ${shown.length} of ${rows.length} rows; the CSV has all of them.` : "";
      const numeric = columns.map((_, at) => rows.some((row) => typeof row[at] === "number"));
      const table = el(
        "table", {}, el("caption", {}, `${this.spec.question} ${more}`),
        el("thead", {}, el("tr", {}, ...columns.map((name, at) => el("th", { scope: "col", class: numeric[at] ? "n" : null }, name)))),
        el("tbody", {}, ...shown.map((row) => el("tr", {}, ...row.map((value, at) =>
          el("td", { class: numeric[at] ? "n" : null }, value == null ? "" : typeof value === "number" ? W.num(value, 5) : String(value)))))),
      );
      for (const old of this.details.querySelectorAll(".scroll")) old.remove();
      this.details.append(el("div", { class: "scroll", tabindex: "0" }, table));
    }

    save() {
      W.download(`wattlas-${this.spec.id}.csv`, W.csv(this.made.columns, this.made.rows));
    }
  }

  // What every picture shares: type, tooltips, axes.
  W.dress = (option, theme) => {
    const axis = (one) => ({
      nameLocation: "middle",
      ...one,
      nameTextStyle: { color: theme.muted, fontSize: 12, ...one.nameTextStyle },
      axisLabel: { color: theme.muted, fontSize: 11, hideOverlap: true, ...one.axisLabel },
      axisLine: { lineStyle: { color: theme.line }, ...one.axisLine },
      axisTick: { lineStyle: { color: theme.line }, ...one.axisTick },
      splitLine: { ...one.splitLine, lineStyle: { color: theme.line, opacity: 0.6, ...(one.splitLine || {}).lineStyle } },
    });
    const many = (value) => (value == null ? undefined : [].concat(value).map(axis));
    return {
      animation: false,
      backgroundColor: "transparent",
      textStyle: { fontFamily: theme.font, color: theme.ink },
      ...option,
      xAxis: many(option.xAxis),
      yAxis: many(option.yAxis),
      tooltip: {
        confine: true, backgroundColor: theme.paper, borderColor: theme.line, borderWidth: 1, padding: [8, 10],
        extraCssText: "box-shadow:0 2px 12px rgba(0,0,0,.14);border-radius:4px",
        textStyle: { color: theme.ink, fontSize: 12, fontFamily: theme.font },
        axisPointer: { lineStyle: { color: theme.muted }, crossStyle: { color: theme.muted } },
        ...option.tooltip,
      },
    };
  };

  // A horizontal or vertical line without handles, for baselines.
  W.rule = (at, text, theme, more = {}) => ({
    silent: true, symbol: "none", animation: false,
    lineStyle: { color: theme.baseline, type: "dashed", width: 1.5, ...more.lineStyle },
    label: { formatter: () => text, color: theme.muted, fontSize: 11, position: "insideEndTop", ...more.label },
    data: [at],
  });

  // A key under a chart, in as many rows as its names need: one that scrolls cuts letters off. `more` is the height
  // of the rows beyond the first, for the chart and the space below its grid.
  const KEY = { icon: 16, gap: 5, between: 12, letter: 7.2, row: 24 };
  W.key = (names, width, theme) => {
    let [rows, used] = [1, 0];
    for (const name of names) {
      const wide = KEY.icon + KEY.gap + KEY.letter * name.length + KEY.between;
      if (used && used + wide > width) [rows, used] = [rows + 1, 0];
      used += wide;
    }
    const legend = { bottom: 0, left: 0, icon: "roundRect", itemWidth: KEY.icon, itemHeight: 4, itemGap: KEY.between, textStyle: { color: theme.muted, fontSize: 12 } };
    return { legend, more: (rows - 1) * KEY.row };
  };

  // The name of an axis above it, at the left edge.
  W.above = (name, theme, left = 54) => ({
    type: "value", name, nameLocation: "end", nameGap: 12, axisLabel: { formatter: (v) => W.num(v) },
    nameTextStyle: { align: "left", padding: [0, 0, 0, -left], fontWeight: 600, color: theme.ink },
  });
})(window.Wattlas);
