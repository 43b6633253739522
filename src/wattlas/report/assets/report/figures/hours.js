// Where did demand run, hour by hour? And at which price and carbon.
(function (W) {
  "use strict";

  const controls = [
    () => W.rows("hourly").some((row) => row.home_it_mw != null) && { kind: "choice", key: "policy", label: "Show", options: [["plan", "Plan"], ["home", W.Baseline]] },
    () => {
      const options = [];
      if (W.rows("hourly").some((row) => row.price_usd_per_mwh != null)) options.push(["price", "Price"]);
      if (W.rows("hourly").some((row) => row.deciding_g_per_kwh != null)) options.push(["carbon", "Carbon"]);
      return options.length > 0 && { kind: "choice", key: "line", label: "Under", options };
    },
  ];

  // Mean of a signal, weighted with where the demand ran: one value per step, null without demand.
  function weighted(steps, power, signal) {
    return steps.map((rows) => {
      let top = 0;
      let weight = 0;
      for (const row of rows) {
        if (row[signal] == null || !row[power]) continue;
        top += row[power] * row[signal];
        weight += row[power];
      }
      return weight > 0 ? top / weight : null;
    });
  }

  function overall(values, steps, power) {
    let top = 0;
    let weight = 0;
    values.forEach((value, at) => {
      if (value == null) return;
      const energy = W.sum(steps[at].map((row) => (row[power] || 0) * row.hours_represented));
      top += value * energy;
      weight += energy;
    });
    return weight ? top / weight : null;
  }

  // Labels stand where a stretch of hours begins, else at midnight.
  function labels(times, width) {
    const gap = times.map((time, at) => (at ? Date.parse(time) - Date.parse(times[at - 1]) : 0));
    const step = Math.min(...gap.slice(1), Infinity);
    const starts = times.map((_, at) => at === 0 || gap[at] > step * 1.5);
    const blocks = starts.filter(Boolean).length;
    const every = Math.max(1, Math.ceil((blocks * 42) / (width - 70)));
    const months = times.length === blocks * 24 && blocks === 12;
    return {
      blocks,
      starts,
      show: (at) => (blocks > 1 ? starts[at] && starts.slice(0, at).filter(Boolean).length % every === 0 : times.length <= 48 ? at % 6 === 0 : times[at].slice(11, 13) === "00"),
      say: (at) => (months ? W.month(times[at]) : times.length <= 48 ? times[at].slice(11, 16) : `${Number(times[at].slice(8, 10))} ${W.month(times[at])}`),
    };
  }

  function draw(state, theme, width) {
    const power = state.policy === "home" ? "home_it_mw" : "it_mw";
    const groups = [...W.group(W.rows("hourly"), (row) => row.time_utc)].sort((a, b) => (a[0] < b[0] ? -1 : 1));
    const times = groups.map(([time]) => time);
    const steps = groups.map(([, rows]) => rows);
    const signal = state.line === "carbon" ? "deciding_g_per_kwh" : "price_usd_per_mwh";
    const unit = state.line === "carbon" ? "g/kWh" : "USD/MWh";
    const plan = weighted(steps, "it_mw", signal);
    const home = weighted(steps, "home_it_mw", signal);
    const hasHome = home.some((value) => value != null);
    const byRegion = W.group(W.rows("hourly"), (row) => row.region);
    const regions = W.regions.filter((id) => byRegion.has(id) && byRegion.get(id).some((row) => row[power] > 0));
    const index = new Map(times.map((time, at) => [time, at]));
    const peak = Math.max(...steps.map((rows) => W.sum(rows.map((row) => row[power]))), 0);
    const scale = W.scale(peak, "mw");
    const areas = regions.map((id) => {
      const data = new Array(times.length).fill(0);
      for (const row of byRegion.get(id)) data[index.get(row.time_utc)] += (row[power] || 0) / scale.div;
      return {
        name: W.name("region", id), id: `area ${id}`, type: "line", stack: "power", xAxisIndex: 1, yAxisIndex: 1, data, symbol: "none", step: "middle",
        lineStyle: { width: 0 }, areaStyle: { opacity: 0.92 }, color: W.colour(id), emphasis: { focus: "series" },
      };
    });
    const label = labels(times, width);
    const xAxis = [0, 1].map((gridIndex) => ({
      gridIndex, type: "category", data: times, boundaryGap: false,
      axisTick: { show: false },
      axisLabel: { show: gridIndex === 1, interval: (at) => label.show(at), formatter: (_, at) => label.say(at) },
      splitLine: { show: label.blocks > 1, interval: (at) => at > 0 && label.starts[at], lineStyle: { opacity: 0.9 } },
      axisPointer: { show: true, label: { show: false } },
    }));
    const over = overall(plan, steps, "it_mw");
    const overHome = hasHome ? overall(home, steps, "home_it_mw") : null;
    const shares = regions
      .map((id) => [id, W.sum(byRegion.get(id).map((row) => (row[power] || 0) * row.hours_represented))])
      .sort((a, b) => b[1] - a[1]);
    const all = W.sum(shares.map(([, mwh]) => mwh));
    const grid = { left: 54, right: 14 };
    const small = width < 560;
    const words = W.sum(regions.map((id) => W.name("region", id).length * 6.2 + 28));
    const rows = small ? 1 : Math.min(4, Math.ceil(words / (width - 20)));
    const foot = 20 * rows;
    return {
      answer: `${W.say(all, "mwh")} ran in ${regions.length} region${regions.length === 1 ? "" : "s"}${shares.length ? `, most of it in ${W.name("region", shares[0][0])} (${W.say(shares[0][1] / all, "share")})` : ""}; the mean ${state.line === "carbon" ? "intensity" : "price"} where it ran was ${W.say(over, unit)}${overHome == null ? "" : `, against ${W.say(overHome, unit)} at the ${W.baseline}`}.`,
      height: (small ? 510 : 470) + foot,
      option: {
        grid: [{ ...grid, top: 34, height: 110 }, { ...grid, top: 190, height: small ? 230 : 210 }],
        legend: {
          type: rows > 1 ? "plain" : "scroll", bottom: 0, left: 0, right: 0, itemWidth: 12, itemHeight: 10, icon: "rect", selectedMode: "multiple",
          data: areas.map((area) => area.name), textStyle: { color: theme.muted, fontSize: 11 }, pageTextStyle: { color: theme.muted }, pageIconColor: theme.ink,
        },
        axisPointer: { link: [{ xAxisIndex: "all" }] },
        dataZoom: [
          { type: "slider", xAxisIndex: [0, 1], bottom: foot + 14, height: 16, borderColor: theme.line, fillerColor: "rgba(128,128,128,.16)", showDetail: false, showDataShadow: false, brushSelect: false },
        ],
        xAxis,
        yAxis: [
          { ...W.above(`Demand-weighted ${state.line === "carbon" ? "intensity" : "price"}, ${unit}`, theme), gridIndex: 0, splitNumber: 3 },
          { ...W.above(`IT power, ${scale.unit}`, theme), gridIndex: 1, min: 0 },
        ],
        series: [
          ...(hasHome ? [{ name: W.Baseline, type: "line", data: home, symbol: "none", color: theme.home, lineStyle: { width: 1.3, type: "dashed", color: theme.home } }] : []),
          { name: "Plan", type: "line", data: plan, symbol: "none", color: theme.plan, lineStyle: { width: 1.8, color: theme.plan } },
          ...areas,
        ],
        tooltip: { trigger: "axis", formatter: (items) => hourTip(items, unit, scale) },
      },
      notes: [
        `Solid line: the plan. ${hasHome ? `Dashed line: everyone at the ${W.baseline}. ` : ""}Times are UTC.`,
        ...(label.blocks > 1 ? [`The hours shown are ${label.blocks} stretches that stand for the whole window; a rule marks where one ends.`] : []),
      ],
      columns: ["time_utc", "region", "hours_represented", "it_mw", "home_it_mw", "price_usd_per_mwh", "average_g_per_kwh", "deciding_g_per_kwh", "capacity_price_usd_per_gpu_h"],
      rows: W.rows("hourly").map((r) => [r.time_utc, r.region, r.hours_represented, r.it_mw, r.home_it_mw, r.price_usd_per_mwh, r.average_g_per_kwh, r.deciding_g_per_kwh, r.capacity_price_usd_per_gpu_h]),
    };
  }

  function hourTip(items, unit, scale) {
    const lines = items.filter((item) => item.seriesName === "Plan" || item.seriesName === W.Baseline);
    const areas = items.filter((item) => !lines.includes(item) && item.value > 0).sort((a, b) => b.value - a.value);
    const rest = areas.slice(8);
    return W.tip(W.hour(items[0].axisValue) + " UTC", [
      ...lines.map((item) => [item.seriesName, W.say(item.value, unit), item.color]),
      ...areas.slice(0, 8).map((item) => [item.seriesName, `${W.num(item.value)} ${scale.unit}`, item.color]),
      ...(rest.length ? [[`${rest.length} more`, `${W.num(W.sum(rest.map((item) => item.value)))} ${scale.unit}`]] : []),
    ]);
  }

  W.figure("hours", { controls, draw });
})(window.Wattlas);
