// Which offers are worth comparing? Profit against carbon.
(function (W) {
  "use strict";

  const T = W.tiers;
  const MARKS = { profit: "most profit", carbon: "most carbon saved at no loss" };

  function draw(state, theme, width) {
    const rows = [...T.rows("tier_pareto", state)].sort((a, b) => a.carbon_saved_kg - b.carbon_saved_kg);
    if (!rows.length) return T.nothing(state, W.words.get("tier-pareto").lacks);
    const small = width < 560;
    const money = W.scale(Math.max(...rows.map((row) => Math.abs(row.profit_gain_usd))), "usd");
    const carbon = W.scale(Math.max(...rows.map((row) => Math.abs(row.carbon_saved_kg))), "kg");
    const value = (row) => [row.carbon_saved_kg / carbon.div, row.profit_gain_usd / money.div];
    const fallbacks = W.unique(T.rows("tier_fallbacks", state).map((row) => row.fallback).concat(rows.map((row) => row.fallback))).filter((fallback) => rows.some((row) => row.fallback === fallback));
    const colour = (row) => W.tint(W.palette[[2, 0, 3, 4, 1, 7][fallbacks.indexOf(row.fallback) % 6]]);
    const x = W.fromZero(rows.map((row) => value(row)[0]));
    const y = W.fromZero(rows.map((row) => value(row)[1]));
    const height = small ? 420 : 440;
    const grid = { left: 58, right: 24, top: 40, bottom: fallbacks.length > 1 ? 82 : 52 };
    const at = (one) => [((one.value[0] - x.min) / (x.max - x.min)) * (width - 82), ((y.max - one.value[1]) / (y.max - y.min)) * (height - grid.top - grid.bottom)];
    const none = { value: [0, 0], label: "no tier" };
    const named = [none, ...rows.filter((row) => MARKS[row.chosen]).map((row) => ({ value: value(row), row, label: MARKS[row.chosen] }))];
    const sides = W.settle(named, at, width - 82, { order: ["top", "left", "right", "bottom"] });
    const label = (one) => ({ show: sides.has(one), formatter: () => sides.get(one).text, position: (sides.get(one) || {}).side, distance: 7, color: theme.ink, fontSize: small ? 11 : 12, fontWeight: 600, textBorderColor: theme.paper, textBorderWidth: 3 });
    return {
      answer: answer(rows, fallbacks),
      height,
      option: {
        grid,
        legend: fallbacks.length > 1 ? { bottom: 0, left: 0, type: "scroll", icon: "circle", itemHeight: 10, selectedMode: false, data: fallbacks.map((fallback) => ({ name: fallback })), textStyle: { color: theme.muted, fontSize: 12 }, formatter: (name) => `fallback ${name}` } : undefined,
        xAxis: { type: "value", ...x, axisLine: { onZero: false }, name: `Carbon saved, ${carbon.unit}${W.year ? " a year" : ""}`, nameGap: 30, axisLabel: { formatter: (v) => W.num(v), showMinLabel: x.min === 0, showMaxLabel: false } },
        yAxis: { ...W.above(`Profit gain over no tier, ${money.unit}${W.year ? " a year" : ""}`, theme, 58), ...y, axisLine: { onZero: false }, axisLabel: { formatter: (v) => W.num(v), showMinLabel: y.min === 0, showMaxLabel: false } },
        tooltip: { trigger: "item" },
        series: [
          {
            type: "line", data: rows.map(value), symbol: "none", silent: true, lineStyle: { color: theme.baseline, width: 1.2 },
            markLine: { silent: true, symbol: "none", animation: false, lineStyle: { color: theme.baseline, type: "dashed", width: 1.5 }, label: { show: false }, data: [{ xAxis: 0 }, { yAxis: 0 }] },
          },
          ...fallbacks.map((fallback) => ({ type: "scatter", name: fallback, color: colour({ fallback }), symbolSize: 8, z: 4, data: rows.filter((row) => row.fallback === fallback && !MARKS[row.chosen]).map((row) => ({ value: value(row), row })), itemStyle: { opacity: 1, borderColor: theme.paper, borderWidth: 1 }, tooltip: { formatter: (event) => tip(event.data.row) } })),
          {
            type: "scatter", z: 6, tooltip: { formatter: (event) => (event.data.row ? tip(event.data.row) : W.tip("No tier", [["Full service for everybody", ""]])) },
            data: named.map((one) => ({ value: one.value, row: one.row, symbolSize: one.row ? 15 : 13, itemStyle: { color: one.row ? (one.row.chosen === "profit" ? theme.user : colour(one.row)) : theme.baseline, borderColor: one.row && one.row.chosen !== "profit" ? theme.user : theme.paper, borderWidth: 2, opacity: 1 }, label: label(one) })),
          },
        ],
      },
      notes: ["Each dot is an offer (discount, share, fallback) that no other beats in both profit and carbon. Grey: no tier, full service for everybody, which the gains are counted from."],
      columns: Object.keys(rows[0]), rows: rows.map((row) => Object.values(row)),
    };
  }

  function answer(rows, fallbacks) {
    const most = [...rows].sort((a, b) => b.profit_gain_usd - a.profit_gain_usd)[0];
    const green = [...rows].sort((a, b) => b.carbon_saved_kg - a.carbon_saved_kg)[0];
    const head = `The most profitable offer, ${T.offer(most)}, gains ${W.say(most.profit_gain_usd, "usd")} ${W.period} and saves ${W.say(most.carbon_saved_kg, "kg")}`;
    if (most === green) return `${head}; none saves more.`;
    const even = Math.abs(green.profit_gain_usd) < 1e-6 * Math.abs(most.profit_gain_usd);
    return `${head}; ${T.offer(green)} saves ${W.say(green.carbon_saved_kg, "kg")} and ${even ? "loses nothing" : green.profit_gain_usd < 0 ? `loses ${W.say(-green.profit_gain_usd, "usd")}` : `still gains ${W.say(green.profit_gain_usd, "usd")}`}.${rows.length > 2 ? ` Between them lie ${rows.length - 2} offers that no other beats${fallbacks.length > 1 ? `, at ${fallbacks.length} fallbacks` : ""}.` : ""}`;
  }

  const tip = (row) =>
    W.tip(MARKS[row.chosen] || "An offer that no other beats", [
      ["Discount", W.say(row.discount, "share")], ["Degraded at most", W.say(row.share, "share")], ["Fallback", row.fallback], ["Adoption", W.say(row.adoption, "share")],
      ["Profit gain", T.signed(row.profit_gain_usd, "usd")], ["Carbon saved", W.say(row.carbon_saved_kg, "kg")],
    ]);

  T.figure("tier-pareto", { controls: T.controls, draw });
})(window.Wattlas);
