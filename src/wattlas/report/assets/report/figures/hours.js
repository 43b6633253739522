// Where did demand run, hour by hour? And at which price and carbon.
(function (W) {
  "use strict";

  const controls = [
    () => W.rows("hourly").some((row) => row.baseline_it_mw != null) && { kind: "choice", key: "policy", label: "Show", options: [["plan", "Plan"], ["baseline", "Baseline"]] },
    () => {
      const options = [];
      if (W.rows("hourly").some((row) => row.price_usd_per_mwh != null)) options.push(["price", "Price"]);
      if (W.rows("hourly").some((row) => row.deciding_g_per_kwh != null)) options.push(["carbon", "Carbon"]);
      return options.length > 0 && { kind: "choice", key: "line", label: "Line", options };
    },
    (state) => {
      const known = state.policy !== "baseline" && W.rows("hourly").some((row) => row.capacity_gpu > 0);
      return { kind: "choice", key: "cell", label: "Cells", options: [...(known ? [["utilisation", "Utilisation"]] : []), ["power", "Power"]] };
    },
  ];
  const NARROWEST = 2.5; // pixels of a cell; below, the hours of all days are shown as one day

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

  // The steps that are shown: each hour, or the mean of each hour of the day where a cell would be too narrow.
  function columns(room) {
    const groups = [...W.group(W.rows("hourly"), (row) => row.time_utc)].sort((a, b) => (a[0] < b[0] ? -1 : 1));
    if (room / groups.length >= NARROWEST) return { times: groups.map(([time]) => time), steps: groups.map(([, rows]) => rows), daily: false };
    const days = new Map();
    for (const [time, rows] of groups) {
      const hour = time.slice(11, 13);
      if (!days.has(hour)) days.set(hour, []);
      days.get(hour).push(...rows);
    }
    const hours = [...days].sort((a, b) => (a[0] < b[0] ? -1 : 1));
    return { times: hours.map(([hour]) => `${hour}:00`), steps: hours.map(([, rows]) => [...W.group(rows, (row) => row.region).values()].map(mean)), daily: true };
  }

  const MEANS = ["it_mw", "baseline_it_mw", "gpu", "capacity_gpu", "price_usd_per_mwh", "deciding_g_per_kwh"];
  function mean(rows) {
    const out = { region: rows[0].region, hours_represented: W.sum(rows.map((row) => row.hours_represented)) };
    for (const key of MEANS) {
      const there = rows.filter((row) => row[key] != null);
      const weight = W.sum(there.map((row) => row.hours_represented));
      out[key] = weight ? W.sum(there.map((row) => row[key] * row.hours_represented)) / weight : null;
    }
    return out;
  }

  // Labels stand where a stretch of hours begins, else at midnight.
  function labels(times, daily, room) {
    if (daily) return { blocks: 1, starts: [true], show: (at) => at % 6 === 0, say: (at) => times[at] };
    const gap = times.map((time, at) => (at ? Date.parse(time) - Date.parse(times[at - 1]) : 0));
    const step = Math.min(...gap.slice(1), Infinity);
    const starts = times.map((_, at) => at === 0 || gap[at] > step * 1.5);
    const blocks = starts.filter(Boolean).length;
    const every = Math.max(1, Math.ceil((blocks * 42) / room));
    const months = times.length === blocks * 24 && blocks === 12;
    return {
      blocks, starts,
      show: (at) => (blocks > 1 ? starts[at] && starts.slice(0, at).filter(Boolean).length % every === 0 : times.length <= 48 ? at % 6 === 0 : times[at].slice(11, 13) === "00"),
      say: (at) => (months ? W.month(times[at]) : times.length <= 48 ? times[at].slice(11, 16) : `${Number(times[at].slice(8, 10))} ${W.month(times[at])}`),
    };
  }

  // What a cell shows of a region in a step, and in which words.
  function cells(state, regions, steps) {
    const power = state.policy === "baseline" ? "baseline_it_mw" : "it_mw";
    const value = state.cell === "utilisation" ? (row) => (row.capacity_gpu > 0 ? row.gpu / row.capacity_gpu : null) : (row) => row[power];
    const line = new Map(regions.map((id, at) => [id, at]));
    const data = steps.flatMap((rows, at) => rows.filter((row) => line.has(row.region) && value(row) != null).map((row) => ({ value: [at, line.get(row.region), value(row)], row })));
    const most = Math.max(1e-12, ...data.map((cell) => cell.value[2]));
    const say = (v) => (state.cell === "utilisation" ? W.say(v, "share") : W.say(v, "mw"));
    return { data, top: state.cell === "utilisation" ? Math.max(1, most) : most, most, say };
  }

  function draw(state, theme, width) {
    const power = state.policy === "baseline" ? "baseline_it_mw" : "it_mw";
    const byRegion = W.group(W.rows("hourly"), (row) => row.region);
    const energy = (id) => W.sum(byRegion.get(id).map((row) => (row[power] || 0) * row.hours_represented));
    const regions = W.regions.filter((id) => byRegion.has(id) && energy(id) > 0);
    const small = width < 560;
    const longest = Math.max(0, ...regions.map((id) => W.name("region", id).length));
    const left = Math.min(small ? 92 : 150, Math.max(54, 18 + 6.6 * longest));
    const room = width - left - 14;
    const { times, steps, daily } = columns(room);
    const signal = state.line === "carbon" ? "deciding_g_per_kwh" : "price_usd_per_mwh";
    const unit = state.line === "carbon" ? "g/kWh" : "USD/MWh";
    const plan = weighted(steps, "it_mw", signal);
    const base = weighted(steps, "baseline_it_mw", signal);
    const hasBaseline = base.some((value) => value != null);
    const rows = [...regions].reverse();
    const grid = cells(state, rows, steps);
    const label = labels(times, daily, room);
    const over = overall(plan, steps, "it_mw");
    const overBaseline = hasBaseline ? overall(base, steps, "baseline_it_mw") : null;
    const shares = regions.map((id) => [id, energy(id)]).sort((a, b) => b[1] - a[1]);
    const all = W.sum(shares.map(([, mwh]) => mwh));
    const tall = Math.max(60, rows.length * 19);
    const xAxis = [0, 1].map((gridIndex) => ({
      gridIndex, type: "category", data: times, boundaryGap: true, axisTick: { show: false }, axisLine: { show: gridIndex === 1 },
      axisLabel: { show: gridIndex === 1, interval: (at) => label.show(at), formatter: (_, at) => label.say(at), align: label.blocks > 1 ? "left" : "center" },
      splitLine: { show: gridIndex === 0 && label.blocks > 1, interval: (at) => at > 0 && label.starts[at], lineStyle: { opacity: 0.9 } },
      axisPointer: { show: true, type: "line", label: { show: false } },
    }));
    const fill = (v) => W.ramp(state.cell === "utilisation" ? v / grid.top : Math.sqrt(Math.max(0, v) / grid.top), theme);
    return {
      answer: `${W.say(all, "mwh")} ran in ${regions.length} region${regions.length === 1 ? "" : "s"}${shares.length ? `, ${shares[0][1] > all / 2 ? "most of it" : "the largest part"} in ${W.name("region", shares[0][0])} (${W.say(shares[0][1] / all, "share")})` : ""}; the mean ${state.line === "carbon" ? "intensity" : "price"} where it ran was ${W.say(over, unit)}${overBaseline == null ? "" : `, against ${W.say(overBaseline, unit)} at the ${W.baseline}`}.`,
      alt: `Heat map of ${regions.length} regions by ${times.length} hours, under the line of the ${state.line === "carbon" ? "intensity" : "price"}.`,
      height: 34 + 84 + 30 + tall + 34,
      option: {
        grid: [{ left, right: 14, top: 34, height: 84 }, { left, right: 14, top: 148, height: tall }],
        axisPointer: { link: [{ xAxisIndex: "all" }] },
        xAxis,
        yAxis: [
          { ...W.above(`Demand-weighted ${state.line === "carbon" ? "intensity" : "price"}, ${unit}`, theme, left), gridIndex: 0, splitNumber: 2, scale: true },
          { gridIndex: 1, type: "category", data: rows, axisTick: { show: false }, axisLine: { show: false }, axisLabel: { interval: 0, color: theme.ink, width: left - 12, overflow: "truncate", hideOverlap: false, formatter: (id) => W.name("region", id) } },
        ],
        series: [
          ...(hasBaseline ? [{ name: W.Baseline, type: "line", data: base, symbol: "none", color: theme.baseline, lineStyle: { width: 1.3, type: "dashed", color: theme.baseline } }] : []),
          { name: "Plan", type: "line", data: plan, symbol: "none", color: theme.plan, lineStyle: { width: 1.8, color: theme.plan } },
          {
            name: "cells", type: "heatmap", xAxisIndex: 1, yAxisIndex: 1, progressive: 0, data: grid.data.map((cell) => ({ ...cell, itemStyle: { color: fill(cell.value[2]) } })),
            itemStyle: { borderWidth: 0 }, emphasis: { itemStyle: { borderColor: theme.ink, borderWidth: 1 } },
          },
        ],
        tooltip: { trigger: "item", formatter: (event) => tip(event, { state, times, daily, unit, grid, signal, plan, base }) },
      },
      notes: [
        `Cells: ${state.cell === "utilisation" ? `accelerators in use over those there are, from none (pale) to ${grid.top > 1 ? `${W.say(grid.top, "share")}, above 100 % where more are used than are reserved` : "all (dark)"}; at most ${W.say(grid.most, "share")}` : `IT power, from none (pale) to ${grid.say(grid.most)} (dark), by its square root`}. Solid line: the plan. ${hasBaseline ? `Dashed line: everyone at the ${W.baseline}. ` : ""}Times are UTC.`,
        ...(daily ? ["Each column is the mean of one hour of the day over the whole window; a wider window shows every hour."] : []),
        ...(label.blocks > 1 ? [`The hours shown are ${label.blocks} stretches that stand for the whole window; a rule marks where one ends.`] : []),
      ],
      columns: ["time_utc", "region", "hours_represented", "it_mw", "baseline_it_mw", "gpu", "capacity_gpu", "price_usd_per_mwh", "average_g_per_kwh", "deciding_g_per_kwh", "capacity_price_usd_per_gpu_h", "capacity_price_kg_per_gpu_h"],
      rows: W.rows("hourly").map((r) => [r.time_utc, r.region, r.hours_represented, r.it_mw, r.baseline_it_mw, r.gpu, r.capacity_gpu, r.price_usd_per_mwh, r.average_g_per_kwh, r.deciding_g_per_kwh, r.capacity_price_usd_per_gpu_h, r.capacity_price_kg_per_gpu_h]),
    };
  }

  // Over a cell: the region then; elsewhere along the axis: the means of all regions then.
  function tip(given, { state, times, daily, unit, grid, plan, base, signal }) {
    const event = Array.isArray(given) ? given[0] : given;
    const cell = event.seriesName === "cells" ? event.data : null;
    const at = cell ? cell.value[0] : event.dataIndex;
    const when = daily ? `${times[at]} UTC, every day` : `${W.hour(times[at])} UTC`;
    const row = cell && !Array.isArray(given) ? cell.row : null;
    return W.tip(row ? `${W.name("region", row.region)}, ${when}` : when, [
      ...(row ? [[state.cell === "utilisation" ? "Utilisation" : "Power", grid.say(cell.value[2])], [state.line === "carbon" ? "Intensity" : "Price", W.say(row[signal], unit)]] : []),
      ["Mean of the plan", W.say(plan[at], unit)], ...(base[at] == null ? [] : [["Mean of the baseline", W.say(base[at], unit)]]),
    ]);
  }

  W.figure("hours", { controls, draw });
})(window.Wattlas);
