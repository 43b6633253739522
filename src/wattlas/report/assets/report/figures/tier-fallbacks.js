// Is one level below full service the best fallback?
(function (W) {
  "use strict";

  const T = W.tiers;

  const LEVELS = { 1: "one level below", 2: "two levels below", 3: "three levels below" };
  const MOST = 12;
  const level = (row) => LEVELS[row.levels_below] || `${W.num(row.levels_below)} levels below`;

  function draw(state, theme, width) {
    const all = T.rows("tier_fallbacks", state);
    const rows = shownFloors(all).sort((a, b) => a.levels_below - b.levels_below || b.profit_gain_usd - a.profit_gain_usd);
    if (!rows.length) return T.nothing(state, W.words.get("tier-fallbacks").lacks);
    const small = width < 560;
    const most = [...rows].sort((a, b) => b.profit_gain_usd - a.profit_gain_usd)[0];
    const listed = [...rows].reverse();
    const left = small ? 112 : 190;
    const each = small ? width - left - 20 : (width - left - 40) / 2;
    const tall = rows.length * 42;
    const option = { grid: [], xAxis: [], yAxis: [], series: [], tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, formatter: (items) => fallbackTip(listed[items[0].dataIndex]) } };
    [["profit_gain_usd", "Best profit gain", "usd"], ["carbon_saved_kg", "Carbon saved by it", "kg"]].forEach(([key, title, kind], panel) => {
      const scale = W.scale(Math.max(...rows.map((row) => Math.abs(row[key]))), kind);
      option.grid.push({ left: small ? left : left + panel * (each + 26), width: each, top: (small ? panel * (tall + 66) : 0) + 34, height: tall });
      option.xAxis.push({ ...W.fromZero(rows.map((row) => row[key] / scale.div)), gridIndex: panel, type: "value", name: `${title}, ${scale.unit}${W.year && !small ? " a year" : ""}`, nameGap: 26, splitNumber: 4, axisLabel: { formatter: (v) => W.num(v), showMaxLabel: false, showMinLabel: rows.every((row) => row[key] >= 0) } });
      option.yAxis.push({ gridIndex: panel, type: "category", data: listed.map((row) => `${small ? `${W.num(row.levels_below)} below` : level(row)}\n${row.fallback}`), axisTick: { show: false }, axisLine: { onZero: false, show: false }, axisLabel: { show: small || panel === 0, color: theme.ink, fontSize: small ? 11 : 12, lineHeight: 14, interval: 0, hideOverlap: false, width: left - 14, overflow: "truncate" } });
      option.series.push({
        type: "bar", xAxisIndex: panel, yAxisIndex: panel, barWidth: 18,
        data: listed.map((row) => ({ value: row[key] / scale.div, itemStyle: bar(row, row === most, theme), label: { color: row === most && row.worth ? theme.paper : theme.ink } })),
        label: { show: panel === 0 && !small, position: "insideLeft", fontSize: 11, formatter: (event) => (event.value < 0 ? "" : `${W.say(listed[event.dataIndex].discount, "share")} off, up to ${W.say(listed[event.dataIndex].share, "share")}`) },
        markLine: { silent: true, symbol: "none", animation: false, lineStyle: { color: theme.baseline, type: "dashed", width: 1.5 }, label: { show: panel === 0, formatter: () => "no tier", color: theme.muted, fontSize: 11, position: "end" }, data: [{ xAxis: 0 }] },
      });
    });
    return {
      answer: fallbackAnswer(state, rows, most),
      height: (small ? 2 : 1) * (tall + 66) + 20,
      option,
      notes: [`For each fallback the offer of most profit: its discount and the share that may be degraded. Levels count the accuracies on the menu below full service. ${rows.some((row) => !row.worth) ? "Hollow: with this fallback no tier is worth offering." : ""}${all.length > rows.length ? ` Of ${all.length} fallbacks the ${rows.length} best are drawn, with the best of each level among them.` : ""}`],
      columns: Object.keys(all[0]), rows: all.map((row) => Object.values(row)),
    };
  }

  // The best of each level, then the best of the others, as long as they can be read.
  function shownFloors(all) {
    const sorted = [...all].sort((a, b) => b.profit_gain_usd - a.profit_gain_usd);
    const heads = sorted.filter((row) => sorted.find((other) => other.levels_below === row.levels_below) === row);
    return [...heads, ...sorted.filter((row) => !heads.includes(row))].slice(0, MOST);
  }

  const bar = (row, best, theme) => (row.worth ? { color: best ? theme.plan : `${theme.plan}66` } : { color: "transparent", borderColor: theme.baseline, borderWidth: 1.5 });

  function fallbackAnswer(state, rows, most) {
    const verdict = T.verdict(T.klass(state));
    if (!verdict.worth || !(most.profit_gain_usd > 0)) return `${T.no({ ...verdict, worth: false })} The best fallback, ${most.fallback}, would ${most.profit_gain_usd < 0 ? `lose ${W.say(-most.profit_gain_usd, "usd")}` : `gain ${W.say(most.profit_gain_usd, "usd")}`} ${W.period}.`;
    const one = rows.filter((row) => row.levels_below === 1).sort((a, b) => b.profit_gain_usd - a.profit_gain_usd)[0];
    const head = most.levels_below === 1 ? `Yes, one level below full service is best: ${most.fallback} gains` : `The best fallback is ${most.fallback}, ${level(most)} full service: it gains`;
    const rest = most.levels_below !== 1 && one ? `, where one level below (${one.fallback}) gains ${W.say(one.profit_gain_usd, "usd")}` : "";
    return `${head} ${W.say(most.profit_gain_usd, "usd")} ${W.period}${rest}.`;
  }

  const fallbackTip = (row) =>
    W.tip(row.fallback, [
      ["Below full service", level(row)], ["Best discount", W.say(row.discount, "share")], ["Degraded at most", W.say(row.share, "share")], ["Adoption", W.say(row.adoption, "share")],
      ["Profit gain", T.signed(row.profit_gain_usd, "usd")], ["Carbon saved", W.say(row.carbon_saved_kg, "kg")], ["", row.worth ? "worth offering" : "not worth offering"],
    ]);

  T.figure("tier-fallbacks", { controls: T.controls, draw });
})(window.Wattlas);
