// What would another offer bring? Discount and share by slider: adoption, profit, carbon.
(function (W) {
  "use strict";

  const T = W.tiers;
  const LACKS = W.words.get("tier-designer").lacks;
  const PANELS = [
    ["adoption", "Adoption", "share"],
    ["profit_gain_usd", "Profit gain", "usd"],
    ["carbon_saved_kg", "Carbon saved", "kg"],
  ];

  const TALL = 246;

  const slider = (key, label, step) => (state) => {
    const rows = T.rows("tier_grid", state);
    const [min, max] = W.extent(rows.map((row) => row[key]));
    if (!(min < max)) return null;
    const chosen = T.verdict(T.klass(state))[key];
    const standard = Math.min(max, Math.max(min, chosen ?? (min + max) / 4));
    return { kind: "range", key, label, min, max, step, standard, say: (value) => W.say(value, "share") };
  };
  const controls = [...T.controls, slider("discount", "Discount", 0.005), slider("share", "Degraded at most", 0.01)];

  function draw(state, theme, width) {
    const rows = T.rows("tier_grid", state);
    if (!rows.length) return T.nothing(state, LACKS);
    const verdict = T.verdict(T.klass(state));
    const at = { discount: state.discount ?? rows[0].discount, share: state.share ?? rows[0].share };
    const surfaces = Object.fromEntries(PANELS.map(([key]) => [key, W.surface(rows, "discount", "share", (row) => row[key])]));
    const read = (key, discount = at.discount, share = at.share) => surfaces[key].at(discount, share);
    const columns = width >= 680 ? 3 : 1;
    const each = width / columns;
    const option = { grid: [], xAxis: [], yAxis: [], series: [], title: [], tooltip: { trigger: "axis", formatter: (items) => tip(items, read) } };
    PANELS.forEach(([key, label, kind], panel) => {
      const box = { left: (panel % columns) * each, top: Math.floor(panel / columns) * TALL, each };
      draws(option, { key, label, kind, panel, ...box }, { surface: surfaces[key], at, verdict, read, rows }, theme);
    });
    return {
      answer: answer(state, at, read, verdict, rows[0].fallback),
      height: Math.ceil(3 / columns) * TALL,
      option,
      notes: [
        `Dot: your offer. ${verdict.worth ? "Ring: the offer chosen above. " : ""}Dashed: no tier. The pale lines are other shares, as named beside the carbon saved.`,
        `The fallback is ${rows[0].fallback}. The grid holds ${surfaces.adoption.xs.length} discounts and ${surfaces.adoption.ys.length} shares; between them the figures are interpolated, straight in both directions.`,
      ],
      columns: Object.keys(rows[0]), rows: rows.map((row) => Object.values(row)),
    };
  }

  function draws(option, { key, label, kind, panel, left, top, each }, { surface, at, verdict, read, rows }, theme) {
    const values = rows.map((row) => row[key]);
    const size = Math.max(...W.extent(values).map(Math.abs));
    const scale = kind === "share" ? { div: 0.01, unit: "%" } : W.scale(size, kind);
    const line = (share) => surface.xs.map((discount) => [discount * 100, surface.at(discount, share) / scale.div]);
    // Losses of offers that nobody would make must not flatten the gains: the axis is cut below.
    const [low, high] = W.extent(values);
    const cut = kind === "usd" && high > 0 && -low > 1.2 * high ? -1.2 * high : null;
    option.title.push({ text: `${label}: ${W.say(read(key), kind)}`, left, top: top + 10, padding: 0, textStyle: { color: theme.ink, fontSize: 15, fontWeight: 600 } });
    const named = key === "carbon_saved_kg";
    option.grid.push({ left: left + 46, top: top + 60, width: each - (named ? 92 : 62), height: 136 });
    option.xAxis.push({ gridIndex: panel, type: "value", min: surface.xs[0] * 100, max: surface.xs.at(-1) * 100, name: "Discount, % of the price", nameGap: 26, splitNumber: 4, axisLabel: { showMaxLabel: false }, splitLine: { show: false }, axisLine: { onZero: false }, axisPointer: { label: { show: false } } });
    option.yAxis.push({ ...W.above(`${scale.unit}${kind === "share" ? " of the requests" : W.year ? " a year" : ""}`, theme, 46), nameTextStyle: { align: "left", padding: [0, 0, 0, -46], color: theme.muted, fontSize: 12 }, nameGap: 9, gridIndex: panel, splitNumber: 4, min: cut == null ? undefined : cut / scale.div, ...(kind === "share" ? { max: 100, interval: 25 } : {}), axisLabel: { formatter: (v) => W.num(v, 2), showMinLabel: cut == null } });
    const base = { type: "line", xAxisIndex: panel, yAxisIndex: panel, symbol: "none", silent: true, clip: true };
    const ghosts = surface.ys.filter((_, k) => k % Math.max(1, Math.round((surface.ys.length - 1) / 5)) === 0);
    option.series.push(
      ...ghosts.map((share) => ({ ...base, data: line(share), lineStyle: { color: theme.baseline, width: 1, opacity: 0.4 }, labelLayout: { hideOverlap: true }, endLabel: { show: named, formatter: () => W.say(share, "share"), color: theme.muted, fontSize: 10, distance: 4 } })),
      { ...base, data: [[surface.xs[0] * 100, 0], [surface.xs.at(-1) * 100, 0]], lineStyle: { color: theme.baseline, type: "dashed", width: 1.5 } },
      { ...base, name: key, data: line(at.share), z: 5, color: theme.plan, lineStyle: { color: theme.plan, width: 2.2 } },
      {
        type: "scatter", xAxisIndex: panel, yAxisIndex: panel, z: 8, silent: true, clip: true,
        data: [
          ...(verdict.discount == null || verdict.share == null ? [] : [{ value: [verdict.discount * 100, read(key, verdict.discount, verdict.share) / scale.div], symbolSize: 17, itemStyle: { color: "transparent", borderColor: theme.user, borderWidth: 1.5, opacity: 1 } }]),
          { value: [at.discount * 100, read(key) / scale.div], symbolSize: 11, itemStyle: { color: theme.user, borderColor: theme.paper, borderWidth: 1.5, opacity: 1 } },
        ],
      },
    );
  }

  function answer(state, at, read, verdict, fallback) {
    const head = verdict.worth ? "" : `${T.no(verdict)} `;
    return `${head}At ${W.say(at.discount, "share")} off for at most ${W.say(at.share, "share")} degraded to ${fallback}, ${W.say(read("adoption"), "share")} of the requests come under the contract, which ${T.profit(read("profit_gain_usd"))} and ${T.carbon(read("carbon_saved_kg"))} ${W.period}.`;
  }

  function tip(items, read) {
    const discount = items[0].axisValue / 100;
    return W.tip(`${W.say(discount, "share")} off`, PANELS.map(([key, label, kind]) => [label, W.say(read(key, discount), kind)]));
  }

  T.figure("tier-designer", { controls, draw });
})(window.Wattlas);
