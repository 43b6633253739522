// What is a millisecond worth? The frontier, with the user's own budget and one to drag.
(function (W) {
  "use strict";

  const VARIANTS = {
    scale: "All budgets, scaled", added_ms: "Milliseconds over the baseline region", soft: "Mean latency (soft)",
  };
  const GOALS = { cost: "Cost", carbon: "Carbon", weighted: "Both (carbon priced)" };
  const variantName = (id) => VARIANTS[id] || (id.startsWith("class:") ? `Class ${W.klass(id.slice(6))} alone` : id);
  // What the user's own plan makes least.
  const objectiveHeld = () => {
    const { minimise, carbon_price_usd_per_t: price } = W.meta.objective || {};
    return minimise === "cost" && price > 0 ? "weighted" : minimise || "cost";
  };

  const allOf = (state) =>
    W.rows("frontier")
      .filter((row) => row.variant === state.variant && row.objective === state.objective)
      .sort((a, b) => a.x - b.x);
  // Budgets before the curve starts have a share that goes unserved, and no value.
  const rowsOf = (state) => allOf(state).filter((row) => row.value != null);

  // Above stands what is minimised, below it the other quantity of the same plans.
  const PANELS = {
    cost: [{ key: "variable_usd", kind: "usd", label: "Variable cost" }, { key: "carbon_kg", kind: "kg", label: "Carbon of these plans" }],
    carbon: [{ key: "carbon_kg", kind: "kg", label: "Carbon" }, { key: "variable_usd", kind: "usd", label: "Variable cost of these plans" }],
    weighted: [{ key: "value", kind: "usd", label: "Variable cost with carbon at its price" }, { key: "carbon_kg", kind: "kg", label: "Carbon of these plans" }],
  };

  // The baseline's totals in the same kind of money: without the carbon price, and without what the
  // frontier leaves out. With a price of carbon of the user's own that is in both.
  function baselineOf(key) {
    const base = (W.meta.totals || {}).baseline || {};
    if (key === "carbon_kg") return base.carbon_kg;
    if (key === "value" && base.carbon_price_usd > 0) return base.variable_usd - (base.friction_usd || 0);
    if (key !== "variable_usd" || base.variable_usd == null) return null;
    return base.variable_usd - (base.carbon_price_usd || 0) - (base.friction_usd || 0);
  }

  // A budget in words: milliseconds, or a multiple of the user's own (its unit begins with ×).
  const sayX = (x, unit) => (unit === "ms" ? W.say(x, "ms") : /^[×x]/.test(unit || "×") ? `×${W.num(x)}` : `${W.num(x)} ${unit}`);

  // The user's own budget lies where it is, not at the breakpoint whose step holds there.
  const ownX = (own) => (own.users_x == null ? own.x : own.users_x);
  const ownName = (variant) => (variant === "added_ms" ? "baseline region" : "your budget");

  // The frontier is a step function: between breakpoints the last one reached holds.
  const at = (rows, x) => rows.findLast((row) => row.x <= x * (1 + 1e-9)) || rows[0];
  const between = (rows, x, key) => {
    const upper = rows.find((row) => row.x >= x) || rows.at(-1);
    const lower = rows.findLast((row) => row.x <= x) || rows[0];
    if (upper.x === lower.x) return lower[key];
    return lower[key] + ((upper[key] - lower[key]) * (x - lower.x)) / (upper.x - lower.x);
  };

  // The name of the baseline stands at its left end, on the side that the curve leaves free there.
  const clear = (first, base, range) => (first <= base && base - first < 0.25 * (range || 1) ? -16 : 5);

  const span = (rows) => {
    const [low, high] = W.extent(rows.map((row) => row.x));
    return { low, high, log: low > 0 && high / low > 40 };
  };

  const controls = [
    () => {
      const ids = W.unique(W.rows("frontier").map((row) => row.variant));
      return { kind: "select", key: "variant", label: "Relax", options: ids.map((id) => [id, variantName(id)]) };
    },
    (state) => {
      const ids = W.unique(W.rows("frontier").filter((row) => row.variant === state.variant).map((row) => row.objective));
      const held = objectiveHeld();
      return {
        kind: "choice", key: "objective", label: "Least", options: ids.map((id) => [id, GOALS[id] || id]),
        standard: ids.includes(held) ? held : ids[0],
      };
    },
    (state) => {
      const rows = rowsOf(state);
      if (rows.length < 2) return null;
      const { low, high, log } = span(rows);
      const own = rows.find((row) => row.is_users_budget);
      const to = (x) => (log ? Math.log10(x) : x);
      state.to = (value) => (log ? 10 ** value : value);
      return {
        kind: "range", key: "budget", label: "Budget", min: to(low), max: to(high), step: (to(high) - to(low)) / 600,
        standard: to(own ? Math.min(high, ownX(own)) : rows[Math.floor(rows.length / 2)].x),
        say: (value) => sayX(state.to(value), rows[0].x_unit),
      };
    },
  ];

  function panelSeries(rows, key, panel, scale, theme, soft) {
    const point = (row) => [row.x, row[key] == null ? null : row[key] / scale.div];
    const exact = rows.filter((row) => row.exact);
    const sampled = rows.filter((row) => !row.exact);
    const line = {
      type: "line", xAxisIndex: panel, yAxisIndex: panel, symbol: "circle", symbolSize: 3.5, showSymbol: exact.length <= 250,
      color: theme.plan, lineStyle: { width: 2, color: theme.plan }, itemStyle: { color: theme.plan },
    };
    const out = [];
    if (exact.length) out.push({ ...line, name: soft ? "exact at points" : "exact", data: exact.map(point), step: soft ? false : "end" });
    if (sampled.length) {
      out.push({
        ...line, name: "sampled", data: sampled.map(point), symbol: "emptyCircle", symbolSize: 6, showSymbol: true,
        lineStyle: { width: 1.2, type: "dotted", color: theme.plan },
      });
    }
    return out;
  }

  function draw(state, theme, width) {
    const rows = rowsOf(state);
    // At no budget is everyone served who could be: there is no value to draw.
    if (!rows.length) return { answer: "No budget of these has a value to show.", node: W.el("div", {}), empty: true, columns: [], rows: [] };
    const soft = state.variant === "soft";
    const own = rows.find((row) => row.is_users_budget);
    const unit = rows[0].x_unit;
    const x = state.to ? state.to(state.budget) : rows[0].x;
    const read = (key) => (soft ? between(rows, x, key) : at(rows, x)[key]);
    const { low, high, log } = span(rows);
    const panels = PANELS[state.objective].map((panel) => ({ ...panel, base: baselineOf(panel.key), now: read(panel.key) }));
    const series = [];
    const yAxis = [];
    panels.forEach((panel, at_) => {
      const values = [...rows.map((row) => row[panel.key]), panel.base].filter((v) => v != null);
      const [least, most] = W.extent(values);
      const scale = W.scale(most, panel.kind);
      panel.scale = scale;
      panel.lifted = !(least > 0 && least < 0.7 * most);
      yAxis.push({
        gridIndex: at_, type: "value", name: `${panel.label}, ${scale.unit}`, nameLocation: "end", nameGap: 12,
        nameTextStyle: { align: "left", padding: [0, 0, 0, -58], fontWeight: 600, color: theme.ink },
        min: least > 0 && least < 0.7 * most ? 0 : (v) => v.min - (v.max - v.min) * 0.08,
        splitNumber: 4, axisLabel: { formatter: (v) => W.num(v), showMinLabel: least > 0 && least < 0.7 * most },
      });
      const made = panelSeries(rows, panel.key, at_, scale, theme, soft);
      if (panel.base != null) {
        const level = panel.base / scale.div;
        series.push({
          type: "line", name: "nearest", xAxisIndex: at_, yAxisIndex: at_, data: [[low, level], [high, level]], symbol: "none", silent: true,
          lineStyle: { color: theme.baseline, type: "dashed", width: 1.5 },
        });
      }
      series.push(...made);
      const dots = [];
      if (panel.base != null) {
        dots.push({
          value: [low, panel.base / scale.div], symbolSize: 0.1,
          label: { show: true, formatter: () => `everyone at the ${W.baseline}`, position: [4, clear(rows[0][panel.key], panel.base, most - least)], align: "left", color: theme.muted, fontSize: 11 },
        });
      }
      if (own && own[panel.key] != null) {
        dots.push({
          value: [Math.min(high, ownX(own)), own[panel.key] / scale.div], symbolSize: 15, itemStyle: { color: theme.user, borderColor: theme.paper, borderWidth: 2, opacity: 1 },
          label: { show: at_ === 0, formatter: ownName(state.variant), position: ownX(own) > (low + 3 * high) / 4 ? [-72, -20] : [12, -16], color: theme.user, fontWeight: 600, opacity: 1 },
        });
      }
      if (panel.now != null) {
        dots.push({
          value: [x, panel.now / scale.div], symbolSize: 7, itemStyle: { color: theme.ink, opacity: 1 },
        });
      }
      series.push({
        type: "scatter", name: "budget", xAxisIndex: at_, yAxisIndex: at_, data: dots, z: 10, silent: true,
        markLine: { silent: true, symbol: "none", lineStyle: { color: theme.ink, width: 1, type: "solid", opacity: 0.5 }, label: { show: false }, data: [{ xAxis: x }] },
      });
      if (soft && at_ === 0) series.push(...tangent(rows, x, panel, low, high, theme));
    });
    const lifted = panels.filter((panel) => panel.lifted).map((panel) => panel.label.toLowerCase());
    const xAxis = [0, 1].map((gridIndex) => ({
      gridIndex, type: log ? "log" : "value", min: low, max: high === low ? low + 1 : high,
      name: gridIndex ? axisName(state.variant, unit) : "", nameGap: 28,
      axisLabel: { show: gridIndex === 1, formatter: (v) => (unit === "ms" ? W.num(v) : sayX(v, unit)) },
      splitLine: { show: false },
    }));
    const left = 58;
    return {
      answer: answer(rows, own, x, panels, soft, unit, state),
      height: 470,
      option: {
        grid: [{ left, right: 18, top: 34, height: 160 }, { left, right: 18, top: 250, height: 160 }],
        xAxis, yAxis, series,
        axisPointer: { link: [{ xAxisIndex: "all" }] },
        tooltip: { trigger: "axis", formatter: (items) => tip(items, rows, unit, panels) },
      },
      notes: [...notes(rows, soft), ...unservedNotes(allOf(state), rows, unit), ...(lifted.length ? [`The axis of ${lifted.join(" and ")} does not start at zero.`] : [])],
      columns: Object.keys(rows[0]), rows: allOf(state).map((row) => Object.values(row)),
    };
  }

  // The dual of the latency row is the slope after a point: drawn from the chosen budget on.
  const dualOf = (row) => (row.dual_usd_per_ms != null ? [row.dual_usd_per_ms, "usd"] : row.dual_kg_per_ms != null ? [row.dual_kg_per_ms, "kg"] : null);
  function tangent(rows, x, panel, low, high, theme) {
    const row = at(rows, x);
    const dual = dualOf(row);
    if (!dual) return [];
    const reach = (high - low) * 0.14;
    const points = [row.x, Math.min(high, row.x + reach)].map((p) => [p, (row[panel.key] - dual[0] * (p - row.x)) / panel.scale.div]);
    return [{ type: "line", name: "slope", data: points, symbol: "none", silent: true, lineStyle: { color: theme.user, width: 1.5 }, z: 9 }];
  }

  const axisName = (variant, unit) =>
    variant === "scale" ? "Latency budgets, as multiples of yours"
      : variant === "added_ms" ? "Milliseconds added to the baseline region's latency"
        : variant === "soft" ? "Demand-weighted mean latency allowed, ms"
          : variant.startsWith("class:") ? `Budget of class ${W.klass(variant.slice(6))}, ${unit}` : `Budget, ${unit}`;

  const REACHED = { cost: (value) => `costs ${value}`, carbon: (value) => `emits ${value}`, weighted: (value) => `costs ${value} with carbon at its price` };

  function answer(rows, own, x, panels, soft, unit, state) {
    const last = rows.at(-1);
    const [panel] = panels;
    const less = panel.base && panel.now != null ? 1 - panel.now / panel.base : null;
    const against = less == null || panel.base < 0 ? "" : `, ${less >= 0 ? `${W.say(less, "share")} less` : `${W.say(-less, "share")} more`} than the ${W.baseline}`;
    const parts = [`At ${sayX(x, unit)} the plan ${REACHED[state.objective](W.say(panel.now, panel.kind))} ${W.period}${against}.`];
    const dual = dualOf(at(rows, x));
    if (soft && dual) parts.push(`One more millisecond of mean latency there saves ${W.say(...dual)}.`);
    else if (own && last.x > ownX(own)) {
      const begin = state.variant === "added_ms" ? "From the baseline region" : "From your budget";
      parts.push(`${begin} to ${sayX(last.x, unit)} there is ${W.say(own[panel.key] - last[panel.key], panel.kind)} more to gain.`);
    }
    return parts.join(" ");
  }

  function tip(items, rows, unit, panels) {
    const item = items.find((one) => !["budget", "slope", "nearest"].includes(one.seriesName)) || items[0];
    const row = at(rows, item.axisValue ?? item.value[0]);
    const out = panels.map((panel) => [panel.label, W.say(row[panel.key], panel.kind)]);
    if (row.return_usd_per_ms != null) out.push(["Saved per ms since the last step", `${W.say(row.return_usd_per_ms, "usd")}/ms`]);
    if (row.return_kg_per_ms != null) out.push(["", `${W.say(row.return_kg_per_ms, "kg")}/ms`]);
    const dual = dualOf(row);
    if (dual) out.push(["One more ms saves", `${W.say(...dual)}/ms`]);
    if (row.unserved_share > 0) out.push(["Not served", W.say(row.unserved_share, "share")]);
    out.push(["", row.exact ? "exact" : "sampled"]);
    return W.tip(sayX(row.x, unit), out);
  }

  // Demand that goes unserved emits nothing: a curve of carbon starts where the least of it does.
  function unservedNotes(all, rows, unit) {
    const before = all.filter((row) => row.value == null);
    if (before.length) {
      const [, most] = W.extent(before.map((row) => row.unserved_share));
      return [`The curve starts at ${sayX(rows[0].x, unit)}. Tighter budgets leave up to ${W.say(most, "share")} of the requests unserved, and what is not served emits nothing; from there on it is ${W.say(rows[0].unserved_share, "share")}.`];
    }
    const [least, most] = W.extent(rows.map((row) => row.unserved_share));
    if (!(most > 0)) return [];
    return [least === most ? `${W.say(most, "share")} of the requests go unserved at every budget.` : `Between ${W.say(least, "share")} and ${W.say(most, "share")} of the requests go unserved; cost counts them at their price.`];
  }

  function notes(rows, soft) {
    const exact = rows.filter((row) => row.exact).length;
    const out = [];
    if (soft) out.push(`A bound on mean latency makes a convex curve; it is computed at ${rows.length} points, and the dual of the latency row is its slope after each.`);
    else if (exact === rows.length) out.push(`Exact: the best value changes only at these ${exact} budgets, where a new place comes within reach.`);
    else if (exact) out.push(`${exact} points are exact breakpoints (solid steps); ${rows.length - exact} are samples (hollow, dotted), between which the true frontier may fall earlier.`);
    else out.push(`${rows.length} samples (hollow, dotted): between two of them the true frontier may fall earlier, and the figures are those of the last one reached.`);
    out.push("Variable cost is what decisions can change: the cost without reserved accelerators.");
    return out;
  }

  W.figure("frontier", { controls, draw });
})(window.Wattlas);
