// Which offers are worth comparing? Profit against carbon; and how far below full the floor should be.
(function (W) {
  "use strict";

  const T = W.tiers;
  const MARKS = { profit: "most profit", carbon: "most carbon saved at no loss" };

  function draw(state, theme, width) {
    const rows = [...T.rows("tier_pareto", state)].sort((a, b) => a.carbon_saved_kg - b.carbon_saved_kg);
    if (!rows.length) return T.nothing(state, "no offer that beats having none");
    const small = width < 560;
    const money = W.scale(Math.max(...rows.map((row) => Math.abs(row.profit_gain_usd))), "usd");
    const carbon = W.scale(Math.max(...rows.map((row) => Math.abs(row.carbon_saved_kg))), "kg");
    const value = (row) => [row.carbon_saved_kg / carbon.div, row.profit_gain_usd / money.div];
    const floors = W.unique(T.rows("tier_floors", state).map((row) => row.floor).concat(rows.map((row) => row.floor))).filter((floor) => rows.some((row) => row.floor === floor));
    const colour = (row) => W.tint(W.palette[[2, 0, 3, 4, 1, 7][floors.indexOf(row.floor) % 6]]);
    const x = axis(rows.map((row) => value(row)[0]));
    const y = axis(rows.map((row) => value(row)[1]));
    const height = small ? 420 : 440;
    const grid = { left: 58, right: 24, top: 40, bottom: floors.length > 1 ? 82 : 52 };
    const at = (one) => [((one.value[0] - x.min) / (x.max - x.min)) * (width - 82), ((y.max - one.value[1]) / (y.max - y.min)) * (height - grid.top - grid.bottom)];
    const none = { value: [0, 0], label: "no tier" };
    const named = [none, ...rows.filter((row) => MARKS[row.chosen]).map((row) => ({ value: value(row), row, label: MARKS[row.chosen] }))];
    const sides = W.settle(named, at, width - 82, { order: ["top", "left", "right", "bottom"] });
    const label = (one) => ({ show: sides.has(one), formatter: () => sides.get(one).text, position: (sides.get(one) || {}).side, distance: 7, color: theme.ink, fontSize: small ? 11 : 12, fontWeight: 600, textBorderColor: theme.paper, textBorderWidth: 3 });
    return {
      answer: answer(rows, floors),
      height,
      option: {
        grid,
        legend: floors.length > 1 ? { bottom: 0, left: 0, type: "scroll", icon: "circle", itemHeight: 10, selectedMode: false, data: floors.map((floor) => ({ name: floor })), textStyle: { color: theme.muted, fontSize: 12 }, formatter: (name) => `floor ${name}` } : undefined,
        xAxis: { type: "value", ...x, axisLine: { onZero: false }, name: `Carbon saved, ${carbon.unit}${W.year ? " a year" : ""}`, nameGap: 30, axisLabel: { formatter: (v) => W.num(v), showMinLabel: x.min === 0, showMaxLabel: false } },
        yAxis: { ...W.above(`Profit gain over no tier, ${money.unit}${W.year ? " a year" : ""}`, theme, 58), ...y, axisLine: { onZero: false }, axisLabel: { formatter: (v) => W.num(v), showMinLabel: y.min === 0, showMaxLabel: false } },
        tooltip: { trigger: "item" },
        series: [
          {
            type: "line", data: rows.map(value), symbol: "none", silent: true, lineStyle: { color: theme.home, width: 1.2 },
            markLine: { silent: true, symbol: "none", animation: false, lineStyle: { color: theme.home, type: "dashed", width: 1.5 }, label: { show: false }, data: [{ xAxis: 0 }, { yAxis: 0 }] },
          },
          ...floors.map((floor) => ({ type: "scatter", name: floor, color: colour({ floor }), symbolSize: 8, z: 4, data: rows.filter((row) => row.floor === floor && !MARKS[row.chosen]).map((row) => ({ value: value(row), row })), itemStyle: { opacity: 1, borderColor: theme.paper, borderWidth: 1 }, tooltip: { formatter: (event) => tip(event.data.row) } })),
          {
            type: "scatter", z: 6, tooltip: { formatter: (event) => (event.data.row ? tip(event.data.row) : W.tip("No tier", [["Full service for everybody", ""]])) },
            data: named.map((one) => ({ value: one.value, row: one.row, symbolSize: one.row ? 15 : 13, itemStyle: { color: one.row ? (one.row.chosen === "profit" ? theme.user : colour(one.row)) : theme.home, borderColor: one.row && one.row.chosen !== "profit" ? theme.user : theme.paper, borderWidth: 2, opacity: 1 }, label: label(one) })),
          },
        ],
      },
      notes: ["Each dot is an offer (discount, share, floor) that no other beats in both profit and carbon. Grey: no tier, full service for everybody, which the gains are counted from."],
      columns: Object.keys(rows[0]), rows: rows.map((row) => Object.values(row)),
    };
  }

  // Zero is always on the axis: it is where no tier stands.
  function axis(values) {
    const [low, high] = W.extent([0, ...values]);
    const air = (high - low) * 0.08 || 1;
    return { min: low < 0 ? low - air : 0, max: high + air };
  }

  function answer(rows, floors) {
    const most = [...rows].sort((a, b) => b.profit_gain_usd - a.profit_gain_usd)[0];
    const green = [...rows].sort((a, b) => b.carbon_saved_kg - a.carbon_saved_kg)[0];
    const head = `The most profitable offer, ${T.offer(most)}, gains ${W.say(most.profit_gain_usd, "usd")} ${W.period} and saves ${W.say(most.carbon_saved_kg, "kg")}`;
    if (most === green) return `${head}; none saves more.`;
    const even = Math.abs(green.profit_gain_usd) < 1e-6 * Math.abs(most.profit_gain_usd);
    return `${head}; ${T.offer(green)} saves ${W.say(green.carbon_saved_kg, "kg")} and ${even ? "loses nothing" : green.profit_gain_usd < 0 ? `loses ${W.say(-green.profit_gain_usd, "usd")}` : `still gains ${W.say(green.profit_gain_usd, "usd")}`}.${rows.length > 2 ? ` Between them lie ${rows.length - 2} offers that no other beats${floors.length > 1 ? `, at ${floors.length} floors` : ""}.` : ""}`;
  }

  const tip = (row) =>
    W.tip(MARKS[row.chosen] || "An offer that no other beats", [
      ["Discount", W.say(row.discount, "share")], ["Degraded at most", W.say(row.share, "share")], ["Floor", row.floor], ["Adoption", W.say(row.adoption, "share")],
      ["Profit gain", T.signed(row.profit_gain_usd, "usd")], ["Carbon saved", W.say(row.carbon_saved_kg, "kg")],
    ]);

  T.figure({
    id: "tier-pareto", question: "How much carbon for how much profit?", needs: ["tier_pareto"],
    lacks: "no offer that beats having none", missing: "The offers between profit and carbon were not traced", controls: T.controls, draw,
  });

  // -- floors -----------------------------------------------------------------------------------
  const LEVELS = { 1: "one level below", 2: "two levels below", 3: "three levels below" };
  const FLOORS = 12;
  const level = (row) => LEVELS[row.levels_below] || `${W.num(row.levels_below)} levels below`;

  function drawFloors(state, theme, width) {
    const all = T.rows("tier_floors", state);
    const rows = shownFloors(all).sort((a, b) => a.levels_below - b.levels_below || b.profit_gain_usd - a.profit_gain_usd);
    if (!rows.length) return T.nothing(state, "no floor to fall to");
    const small = width < 560;
    const most = [...rows].sort((a, b) => b.profit_gain_usd - a.profit_gain_usd)[0];
    const listed = [...rows].reverse();
    const left = small ? 112 : 190;
    const each = small ? width - left - 20 : (width - left - 40) / 2;
    const tall = rows.length * 42;
    const option = { grid: [], xAxis: [], yAxis: [], series: [], tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, formatter: (items) => floorTip(listed[items[0].dataIndex]) } };
    [["profit_gain_usd", "Best profit gain", "usd"], ["carbon_saved_kg", "Carbon saved by it", "kg"]].forEach(([key, title, kind], panel) => {
      const scale = W.scale(Math.max(...rows.map((row) => Math.abs(row[key]))), kind);
      option.grid.push({ left: small ? left : left + panel * (each + 26), width: each, top: (small ? panel * (tall + 66) : 0) + 34, height: tall });
      option.xAxis.push({ ...axis(rows.map((row) => row[key] / scale.div)), gridIndex: panel, type: "value", name: `${title}, ${scale.unit}${W.year && !small ? " a year" : ""}`, nameGap: 26, splitNumber: 4, axisLabel: { formatter: (v) => W.num(v), showMaxLabel: false, showMinLabel: rows.every((row) => row[key] >= 0) } });
      option.yAxis.push({ gridIndex: panel, type: "category", data: listed.map((row) => `${small ? `${W.num(row.levels_below)} below` : level(row)}\n${row.floor}`), axisTick: { show: false }, axisLine: { onZero: false, show: false }, axisLabel: { show: small || panel === 0, color: theme.ink, fontSize: small ? 11 : 12, lineHeight: 14, interval: 0, hideOverlap: false, width: left - 14, overflow: "truncate" } });
      option.series.push({
        type: "bar", xAxisIndex: panel, yAxisIndex: panel, barWidth: 18,
        data: listed.map((row) => ({ value: row[key] / scale.div, itemStyle: bar(row, row === most, theme), label: { color: row === most && row.worth ? theme.paper : theme.ink } })),
        label: { show: panel === 0 && !small, position: "insideLeft", fontSize: 11, formatter: (event) => (event.value < 0 ? "" : `${W.say(listed[event.dataIndex].discount, "share")} off, up to ${W.say(listed[event.dataIndex].share, "share")}`) },
        markLine: { silent: true, symbol: "none", animation: false, lineStyle: { color: theme.home, type: "dashed", width: 1.5 }, label: { show: panel === 0, formatter: () => "no tier", color: theme.muted, fontSize: 11, position: "end" }, data: [{ xAxis: 0 }] },
      });
    });
    return {
      answer: floorAnswer(state, rows, most),
      height: (small ? 2 : 1) * (tall + 66) + 20,
      option,
      notes: [`For each floor the offer of most profit: its discount and the share that may be degraded. Levels count the accuracies on the menu below full service. ${rows.some((row) => !row.worth) ? "Hollow: with this floor no tier is worth offering." : ""}${all.length > rows.length ? ` Of ${all.length} floors the ${rows.length} best are drawn, with the best of each level among them.` : ""}`],
      columns: Object.keys(all[0]), rows: all.map((row) => Object.values(row)),
    };
  }

  // The best of each level, then the best of the others, as long as they can be read.
  function shownFloors(all) {
    const sorted = [...all].sort((a, b) => b.profit_gain_usd - a.profit_gain_usd);
    const heads = sorted.filter((row) => sorted.find((other) => other.levels_below === row.levels_below) === row);
    return [...heads, ...sorted.filter((row) => !heads.includes(row))].slice(0, FLOORS);
  }

  const bar = (row, best, theme) => (row.worth ? { color: best ? theme.plan : `${theme.plan}66` } : { color: "transparent", borderColor: theme.home, borderWidth: 1.5 });

  function floorAnswer(state, rows, most) {
    const verdict = T.verdict(T.klass(state));
    if (!verdict.worth || !(most.profit_gain_usd > 0)) return `${T.no({ ...verdict, worth: false })} The best floor, ${most.floor}, would ${most.profit_gain_usd < 0 ? `lose ${W.say(-most.profit_gain_usd, "usd")}` : `gain ${W.say(most.profit_gain_usd, "usd")}`} ${W.period}.`;
    const one = rows.filter((row) => row.levels_below === 1).sort((a, b) => b.profit_gain_usd - a.profit_gain_usd)[0];
    const head = most.levels_below === 1 ? `Yes, one level below full service is best: ${most.floor} gains` : `The best floor is ${most.floor}, ${level(most)} full service: it gains`;
    const rest = most.levels_below !== 1 && one ? `, where one level below (${one.floor}) gains ${W.say(one.profit_gain_usd, "usd")}` : "";
    return `${head} ${W.say(most.profit_gain_usd, "usd")} ${W.period}${rest}.`;
  }

  const floorTip = (row) =>
    W.tip(row.floor, [
      ["Below full service", level(row)], ["Best discount", W.say(row.discount, "share")], ["Degraded at most", W.say(row.share, "share")], ["Adoption", W.say(row.adoption, "share")],
      ["Profit gain", T.signed(row.profit_gain_usd, "usd")], ["Carbon saved", W.say(row.carbon_saved_kg, "kg")], ["", row.worth ? "worth offering" : "not worth offering"],
    ]);

  T.figure({
    id: "tier-floors", question: "Is one level below full service the best floor?", needs: ["tier_floors"],
    lacks: "no floor to fall to", missing: "The floors were not compared", controls: T.controls, draw: drawFloors,
  });
})(window.Wattlas);
